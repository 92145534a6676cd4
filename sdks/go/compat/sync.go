package compat

import (
	"errors"
	"sync"
	"sync/atomic"

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
	UserID          string
}

// Authenticator gives the server tokens. A token is a key of the server; there are no providers.
type Authenticator struct {
	// LoginSupported says whether there is a server to log in to.
	LoginSupported bool
	own            *headwater.Headwater
	mutex          sync.Mutex
	// token is what was given while it is asked for.
	token string
}

// DevelopmentProvider is the provider of tokens for development; every provider is the same here.
const DevelopmentProvider = "__playgroundProvider"

// Login gives the server a key; provider makes no difference.
func (auth *Authenticator) Login(token, provider string) error {
	if auth.own == nil { // who is asked gives it to who asks
		auth.mutex.Lock()
		defer auth.mutex.Unlock()
		auth.token = token
		return nil
	}
	return auth.own.Sync().Authenticate(token)
}

func (auth *Authenticator) takeToken() string {
	auth.mutex.Lock()
	defer auth.mutex.Unlock()
	token := auth.token
	auth.token = ""
	return token
}

// Logout ends sync. What is here stays.
func (auth *Authenticator) Logout() error {
	return unlessClosed(auth.own.StopSync())
}

// SetExpirationHandler has handler give a token, or "", whenever the server does not take the one that it has, and a minute
// before that ends; nil takes an earlier one away.
func (auth *Authenticator) SetExpirationHandler(handler func() string) error {
	return auth.own.Sync().TokenSource(handler)
}

// ObserveStatus calls callback with whether the server has taken the token, now and whenever that changes.
func (auth *Authenticator) ObserveStatus(callback func(AuthenticationStatus)) (*headwater.Observer, error) {
	return onChange(auth.own, func(isConnected bool) { callback(AuthenticationStatus{IsAuthenticated: isConnected}) })
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
