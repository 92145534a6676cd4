package compat

import (
	"headwater"
)

// Ditto is a small peer.
type Ditto struct {
	// Store has its documents.
	Store *Store
	// Sync has subscriptions.
	Sync *Sync
	// Auth logs users in.
	Auth *Authenticator
	// Presence is who is there.
	Presence *Presence
	// TransportConfig is kept, and without meaning.
	TransportConfig TransportConfig
	// AppID is the app at the server.
	AppID string
	// PersistenceDirectory is the folder.
	PersistenceDirectory string
	// DeviceName is what it says of itself.
	DeviceName string
	own        *headwater.Headwater
}

// Open opens a peer.
func Open(config DittoConfig) (*Ditto, error) {
	return openWith(config.own(), config.DatabaseID)
}

// NewDitto opens a peer in the older way; path is its folder.
func NewDitto(identity Identity, path string) (*Ditto, error) {
	own := identity.own(path)
	ditto, err := openWith(own, own.App)
	asks, isAsked := identity.(OnlineWithAuthentication)
	if err != nil || !isAsked || asks.AuthenticationRequired == nil {
		return ditto, err
	}
	return ditto, ditto.Auth.SetExpirationHandler(asks.ask)
}

func openWith(config headwater.Config, app string) (*Ditto, error) {
	own, err := headwater.Open(config)
	if err != nil {
		return nil, err
	}
	return dittoOf(own, app, config.Dir, config.Server != "", &user{}), nil
}

func dittoOf(own *headwater.Headwater, app, dir string, hasServer bool, user *user) *Ditto {
	ditto := &Ditto{
		Store: newStore(own), Sync: &Sync{own: own, hasServer: hasServer},
		Presence: &Presence{own: own, deviceName: "headwater"},
		AppID:    app, PersistenceDirectory: dir, DeviceName: "headwater", own: own,
	}
	ditto.Auth = &Authenticator{LoginSupported: hasServer, ditto: ditto, user: user}
	return ditto
}

// StartSync is as Sync.Start.
func (ditto *Ditto) StartSync() error {
	return ditto.Sync.Start()
}

// StopSync is as Sync.Stop.
func (ditto *Ditto) StopSync() error {
	return ditto.Sync.Stop()
}

// IsSyncActive says whether sync was started.
func (ditto *Ditto) IsSyncActive() bool {
	return ditto.Sync.IsActive()
}

// IsActivated says whether it may sync; it always may.
func (ditto *Ditto) IsActivated() bool {
	return true
}

// IsClosed says whether it was closed.
func (ditto *Ditto) IsClosed() bool {
	return ditto.own.IsClosed()
}

// Close closes the peer, and waits until its files are closed. The error is always nil.
func (ditto *Ditto) Close() error {
	return ditto.own.Close()
}

// SetOfflineOnlyLicenseToken does nothing: there are no licences.
func (ditto *Ditto) SetOfflineOnlyLicenseToken(token string) error {
	return nil
}

// DisableSyncWithV3 does nothing: there is one protocol.
func (ditto *Ditto) DisableSyncWithV3() error {
	return nil
}

// RunGarbageCollection does nothing: the store cleans up by itself.
func (ditto *Ditto) RunGarbageCollection() {}

// UpdateTransportConfig lets an app say something of transports, which means nothing here.
func (ditto *Ditto) UpdateTransportConfig(update func(*TransportConfig)) {
	update(&ditto.TransportConfig)
}

// TransportConfig is what an app says of transports: kept, and without meaning. A peer has one connection, to its server.
type TransportConfig struct {
	// IsPeerToPeerEnabled: peers do not find each other.
	IsPeerToPeerEnabled bool
	// TCPServers and WebsocketURLs would be connected to.
	TCPServers, WebsocketURLs []string
}

// SetAllPeerToPeerEnabled is kept, and without meaning.
func (config *TransportConfig) SetAllPeerToPeerEnabled(isEnabled bool) {
	config.IsPeerToPeerEnabled = isEnabled
}
