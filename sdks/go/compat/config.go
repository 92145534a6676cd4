// Package compat has the vendor's names for the same things, so that an app changes its import and where its server is. The
// names are those of the vendor's JavaScript in Go's spelling; calls wait, and return errors.
//
// Not here: attachments, peers without a server, other identities.
package compat

import (
	"os"
	"time"

	"headwater"
)

// loopback is where `headwater serve` listens if it is not told otherwise.
const loopback = "http://localhost:8080"

// DittoError is why something was not done.
type DittoError = headwater.Error

// DittoConfig says what is opened.
type DittoConfig struct {
	// DatabaseID is the app at the server.
	DatabaseID string
	// Connect is ConnectServer or ConnectSmallPeersOnly; nil is a server of which nothing is said.
	Connect DittoConfigConnect
	// PersistenceDirectory is the folder; "" is one that is named for the database.
	PersistenceDirectory string
	// Strict is DQL's strict mode.
	Strict bool
	// CACertificates are PEM, of servers that made their own.
	CACertificates []string
}

// DittoConfigConnect says whom to sync with.
type DittoConfigConnect interface {
	server() string
}

// ConnectServer is a server; without a URL that of the environment's HEADWATER_URL, or this machine's.
type ConnectServer struct {
	URL string
}

func (connect ConnectServer) server() string {
	return serverOf(connect.URL)
}

// ConnectSmallPeersOnly is nobody.
type ConnectSmallPeersOnly struct{}

func (ConnectSmallPeersOnly) server() string {
	return ""
}

func serverOf(url string) string {
	if url == "" {
		url = os.Getenv("HEADWATER_URL")
	}
	if url == "" {
		url = loopback
	}
	return url
}

func (config DittoConfig) own() headwater.Config {
	if config.Connect == nil {
		config.Connect = ConnectServer{}
	}
	own := headwater.Config{
		Dir: config.PersistenceDirectory, Server: config.Connect.server(), Strict: config.Strict,
		CACertificates: config.CACertificates,
	}
	if own.Server != "" {
		own.App = config.DatabaseID
	}
	if own.Dir == "" {
		own.Dir = "ditto-" + config.DatabaseID
	}
	return own
}

// Identity is how a peer was opened in the older way: OnlinePlayground, OnlineWithAuthentication, OfflinePlayground or
// Development.
type Identity interface {
	own(dir string) headwater.Config
}

// OnlinePlayground has a server.
type OnlinePlayground struct {
	// AppID is the app at the server.
	AppID string
	// Token is a key of the server, or "" where none is needed.
	Token string
	// CustomAuthURL is where the server is; otherwise it is HEADWATER_URL's, or this machine's.
	CustomAuthURL string
	// EnableDittoCloudSync: the vendor's cloud is not there, whether it is wanted or not.
	EnableDittoCloudSync bool
}

func (identity OnlinePlayground) own(dir string) headwater.Config {
	return headwater.Config{
		Dir: dir, Server: serverOf(identity.CustomAuthURL), App: identity.AppID, Token: identity.Token,
	}
}

// OnlineWithAuthentication has a server, and somebody who logs in.
type OnlineWithAuthentication struct {
	AppID         string
	CustomAuthURL string
	// AuthenticationRequired is called whenever the server does not take the token.
	AuthenticationRequired func(*Authenticator)
	// AuthenticationExpiringSoon is called a minute before that ends; AuthenticationRequired is if there is none.
	AuthenticationExpiringSoon func(authenticator *Authenticator, timeUntilExpiration time.Duration)
}

func (identity OnlineWithAuthentication) ask(ditto *Ditto, timeUntilExpiration time.Duration) {
	if timeUntilExpiration > 0 && identity.AuthenticationExpiringSoon != nil {
		identity.AuthenticationExpiringSoon(ditto.Auth, timeUntilExpiration)
		return
	}
	identity.AuthenticationRequired(ditto.Auth)
}

func (identity OnlineWithAuthentication) own(dir string) headwater.Config {
	return headwater.Config{Dir: dir, Server: serverOf(identity.CustomAuthURL), App: identity.AppID}
}

// OfflinePlayground has no server.
type OfflinePlayground struct {
	AppID string
}

func (OfflinePlayground) own(dir string) headwater.Config {
	return headwater.Config{Dir: dir}
}

// Development has no server.
type Development struct {
	AppID string
}

func (Development) own(dir string) headwater.Config {
	return headwater.Config{Dir: dir}
}
