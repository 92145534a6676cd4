package compat

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"headwater"
)

// Sync is sync of a peer.
type Sync struct {
	own       *headwater.Headwater
	hasServer bool
	isActive  atomic.Bool
}

// IsActive says whether it was started.
func (sync *Sync) IsActive() bool {
	return sync.isActive.Load()
}

// Start connects, and connects again whenever the connection is lost. A peer without a server has nobody to sync with.
func (sync *Sync) Start() error {
	if sync.hasServer {
		if err := sync.own.StartSync(); err != nil {
			return err
		}
	}
	sync.isActive.Store(true)
	return nil
}

// Stop ends the connection. Local work goes on.
func (sync *Sync) Stop() error {
	sync.isActive.Store(false)
	return unlessClosed(sync.own.StopSync())
}

// RegisterSubscription subscribes to a collection, or a part of it: SELECT * FROM … [WHERE …].
func (sync *Sync) RegisterSubscription(query string, args map[string]any) (*SyncSubscription, error) {
	return subscribed(query, args)(sync.own.Sync().RegisterSubscription(query, args))
}

// SyncSubscription is stored and outlives the process, until Cancel.
type SyncSubscription struct {
	// QueryString is the query.
	QueryString string
	// QueryArguments are what stands for its parameters.
	QueryArguments map[string]any
	own            *headwater.Subscription
	isCancelled    atomic.Bool
}

func subscribed(query string, args map[string]any) func(*headwater.Subscription, error) (*SyncSubscription, error) {
	return func(own *headwater.Subscription, err error) (*SyncSubscription, error) {
		if err != nil {
			return nil, err
		}
		return &SyncSubscription{QueryString: query, QueryArguments: args, own: own}, nil
	}
}

// IsCancelled says whether it was ended.
func (subscription *SyncSubscription) IsCancelled() bool {
	return subscription.isCancelled.Load()
}

// Cancel ends it. Its documents stay.
func (subscription *SyncSubscription) Cancel() error {
	if subscription.isCancelled.Swap(true) {
		return nil
	}
	return unlessClosed(subscription.own.Cancel())
}

// unlessClosed: of a peer that is closed everything has ended.
func unlessClosed(err error) error {
	if errors.Is(err, headwater.ErrClosed) {
		return nil
	}
	return err
}

// AuthenticationStatus says whether the server has taken the token.
type AuthenticationStatus struct {
	IsAuthenticated bool
	// UserID is who has logged in, as the app's login hook says; "" where a key was given.
	UserID string
}

// Authenticator logs users in. With a provider the server asks the app's login hook; with the one for development the token
// is a key of the server.
type Authenticator struct {
	// LoginSupported says whether there is a server to log in to.
	LoginSupported bool
	ditto          *Ditto
	user           *user
}

// user is who has logged in last.
type user struct {
	mutex sync.Mutex
	id    string
}

func (user *user) get() string {
	user.mutex.Lock()
	defer user.mutex.Unlock()
	return user.id
}

func (user *user) set(id string) {
	user.mutex.Lock()
	defer user.mutex.Unlock()
	user.id = id
}

// DevelopmentProvider is the provider of tokens for development: keys of the server.
const DevelopmentProvider = "__playgroundProvider"

// Login logs in with what a provider gave; with DevelopmentProvider it is a key of the server. It waits for the server, some
// seconds at most. Codes of errors: ErrRejected, ErrTimedOut, ErrNoServer.
func (auth *Authenticator) Login(token, provider string) error {
	if provider == DevelopmentProvider {
		return auth.ditto.own.Sync().Authenticate(token)
	}
	login, err := auth.ditto.own.Sync().Login(context.Background(), token, provider)
	if err == nil {
		auth.user.set(login.UserID)
	}
	return err
}

// Logout ends sync. What is here stays.
func (auth *Authenticator) Logout() error {
	return auth.ditto.StopSync()
}

// SetExpirationHandler has handler called, on the dispatcher, whenever the server does not take the token, and a minute before
// that ends, with how long it counts yet. It logs in: there is no refresh token. Where it does not, it is called again later.
// nil takes an earlier one away.
func (auth *Authenticator) SetExpirationHandler(handler func(ditto *Ditto, timeUntilExpiration time.Duration)) error {
	if handler == nil {
		return auth.ditto.own.Sync().OnTokenWanted(nil)
	}
	app, dir, hasServer, user := auth.ditto.AppID, auth.ditto.PersistenceDirectory, auth.LoginSupported, auth.user
	return auth.ditto.own.Sync().OnTokenWanted(func(asking *headwater.Headwater, remaining time.Duration) {
		handler(dittoOf(asking, app, dir, hasServer, user), remaining)
	})
}

// ObserveStatus calls callback with whether the server has taken the token, now and whenever that changes.
func (auth *Authenticator) ObserveStatus(callback func(AuthenticationStatus)) (*headwater.Observer, error) {
	user := auth.user
	return onChange(auth.ditto.own, func(isConnected bool) { callback(AuthenticationStatus{isConnected, user.get()}) })
}

// onChange tells whether the server is there, now and whenever that changes.
func onChange(own *headwater.Headwater, tell func(isConnected bool)) (*headwater.Observer, error) {
	isFirst, last := true, false
	return own.Sync().ObserveState(func(state headwater.State) {
		isConnected := state == headwater.Live || state == headwater.CatchingUp
		if isFirst || isConnected != last {
			isFirst, last = false, isConnected
			tell(isConnected)
		}
	})
}

// Peer is one who is there.
type Peer struct {
	DeviceName string
	// IsConnectedToDittoServer says whether it has the server.
	IsConnectedToDittoServer bool
}

// PresenceGraph is all that are there.
type PresenceGraph struct {
	LocalPeer   Peer
	RemotePeers []Peer
}

// Presence is who is there: this peer and whether it has the server. Peers do not know of each other.
type Presence struct {
	own        *headwater.Headwater
	deviceName string
}

// Graph is who is there now.
func (presence *Presence) Graph() (PresenceGraph, error) {
	state, err := presence.own.Sync().State()
	return presence.graph(state == headwater.Live || state == headwater.CatchingUp), err
}

// Observe calls callback with who is there, now and whenever the server comes or goes.
func (presence *Presence) Observe(callback func(PresenceGraph)) (*headwater.Observer, error) {
	name := presence.deviceName
	return onChange(presence.own, func(isConnected bool) {
		callback((&Presence{deviceName: name}).graph(isConnected))
	})
}

func (presence *Presence) graph(isConnected bool) PresenceGraph {
	return PresenceGraph{LocalPeer: Peer{presence.deviceName, isConnected}}
}
