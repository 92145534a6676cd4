package headwater

// Sync with the server: subscriptions, and what became of local writes.

import (
	"context"
	"sync"
	"time"
)

// State is where sync stands.
type State string

// Where sync stands.
const (
	Stopped    State = "stopped"
	Connecting State = "connecting"
	CatchingUp State = "catching_up"
	Live       State = "live"
	Waiting    State = "waiting"
	NeedsToken State = "needs_token"
	Refused    State = "refused"
)

// Rejected is a write that the server refused.
type Rejected struct {
	// Sequence is the number of its transaction.
	Sequence uint64
	// Why is what the server says of it.
	Why string
	// Documents are those that it would have written: collection, id.
	Documents []Document
	// Values are what upserts in it would have written: collection, value. It is nowhere else.
	Values []Document
}

func rejectedOf(value any) Rejected {
	fields, _ := value.(Document)
	return Rejected{
		Sequence: natural(fields["sequence"]), Why: text(fields["why"]),
		Documents: documents(fields["documents"]), Values: documents(fields["values"]),
	}
}

// Sync is sync of a peer.
type Sync struct {
	port  *port
	mutex sync.Mutex
	token *watch
}

// RegisterSubscription subscribes to a collection, or a part of it: SELECT * FROM … [WHERE …]. One that asks for the same
// as an earlier one is the same one.
func (sync *Sync) RegisterSubscription(statement string, args Arguments) (*Subscription, error) {
	request := Document{"call": "register_subscription", "statement": statement, "args": args}
	return sync.port.registerSubscription(request)
}

func (port *port) registerSubscription(request Document) (*Subscription, error) {
	answer, err := port.call(request)
	if err != nil {
		return nil, err
	}
	return &Subscription{port, answer["subscription"]}, nil
}

// State is where sync stands.
func (sync *Sync) State() (State, error) {
	answer, err := sync.status()
	return State(text(answer["state"])), err
}

// States is where sync stands, now and whenever it stands elsewhere, for loops.
func (sync *Sync) States() (*Stream[State], error) {
	return streamOf(sync.port, Document{"watch": "state"}, func(event Document) State { return State(text(event["state"])) })
}

// ObserveState is the same with a callback.
func (sync *Sync) ObserveState(callback func(State)) (*Observer, error) {
	return sync.port.observe(Document{"watch": "state"}, func(event Document) { callback(State(text(event["state"]))) })
}

// Pending is how many local transactions the server has said nothing of.
func (sync *Sync) Pending() (uint64, error) {
	answer, err := sync.status()
	return natural(answer["pending"]), err
}

// LastError is why it does not sync, for people, or "".
func (sync *Sync) LastError() (string, error) {
	answer, err := sync.status()
	return text(answer["last_error"]), err
}

// Committed waits until the server has a write, by its sequence, or the context is done: the id of its transaction there,
// as in X-DITTO-TXN-ID and in the event. 0: the server has it, but it is not known as what; or it never was. It gives
// ErrRejected if the server refused it, and ErrTimedOut (a context.DeadlineExceeded, too) after the context's deadline.
func (sync *Sync) Committed(ctx context.Context, sequence uint64) (txn uint64, err error) {
	return sync.port.verdict(ctx, Document{"call": "committed", "sequence": sequence})
}

// Flushed waits until the server has said of everything that is pending now whether it takes it, or the context is done:
// the newest transaction that it made of writes from here, or 0 if none is known.
func (sync *Sync) Flushed(ctx context.Context) (txn uint64, err error) {
	return sync.port.verdict(ctx, Document{"call": "flushed"})
}

// Rejected are the writes that the server refused, the oldest first, as far as they are kept.
func (sync *Sync) Rejected() ([]Rejected, error) {
	answer, err := sync.port.call(Document{"call": "rejected"})
	if err != nil {
		return nil, err
	}
	var all []Rejected
	for _, it := range list(answer["rejected"]) {
		all = append(all, rejectedOf(it))
	}
	return all, nil
}

// OnRejected calls callback with each write that the server refuses, from now on.
func (sync *Sync) OnRejected(callback func(Rejected)) (*Observer, error) {
	return sync.port.observe(Document{"watch": "rejected"}, func(event Document) { callback(rejectedOf(event["rejected"])) })
}

// ForgetRejected: a refused write was seen to, and need not be kept.
func (sync *Sync) ForgetRejected(sequence uint64) error {
	_, err := sync.port.call(Document{"call": "forget_rejected", "sequence": sequence})
	return err
}

// Authenticate gives a newer token.
func (sync *Sync) Authenticate(token string) error {
	_, err := sync.port.call(Document{"call": "authenticate", "token": token})
	return err
}

// Login is a user who has logged in.
type Login struct {
	// UserID is who it is, as the app's login hook says.
	UserID string
	// Expires is when the server's token ends.
	Expires time.Time
}

// Login logs in with what a provider gave: the server asks the app's login hook, and its token is used from now on. When that
// ends, the source of tokens is asked: there is no refresh token. It waits for the server, some seconds at most, or until the
// context is done; what was begun is done all the same. Errors: ErrRejected, ErrTimedOut, ErrNoServer.
func (sync *Sync) Login(ctx context.Context, token, provider string) (Login, error) {
	answer, err := sync.port.awaitAsItIs(ctx, Document{"call": "login", "token": token, "provider": provider})
	if err != nil {
		return Login{}, err
	}
	expires, err := time.Parse(time.RFC3339, text(answer["expires"]))
	return Login{UserID: text(answer["userId"]), Expires: expires}, err
}

// TokenSource says who gives a newer token: asked, on the dispatcher, when the server does not take the old one, and a
// minute before that ends. It may log in, and give "". Where no token comes, it is asked again later. Another source takes
// the place of an earlier one; nil takes it away.
func (sync *Sync) TokenSource(source func() string) error {
	if source == nil {
		return sync.OnTokenWanted(nil)
	}
	return sync.OnTokenWanted(func(asking *Headwater, _ time.Duration) {
		if token := source(); token != "" {
			_ = asking.Sync().Authenticate(token) // unless it is closed
		}
	})
}

// OnTokenWanted has callback called where a TokenSource would be asked, in the place of that: with the peer, by a handle that
// does not keep it open, and with how long the server takes the token yet, which is 0 where it takes none.
func (sync *Sync) OnTokenWanted(callback func(asking *Headwater, remaining time.Duration)) error {
	sync.mutex.Lock()
	defer sync.mutex.Unlock()
	if sync.token != nil {
		sync.token.cancel()
		sync.token = nil
	}
	if callback == nil {
		return nil
	}
	asking := handleOf(&port{core: sync.port.core})
	watch, err := sync.port.subscribe(Document{"watch": "token"}, func(event Document) {
		if event["error"] == nil {
			callback(asking, time.Duration(natural(event["remaining_ms"]))*time.Millisecond)
		}
	})
	if err == nil {
		sync.token = watch
	}
	return err
}

func (sync *Sync) status() (Document, error) {
	return sync.port.call(Document{"call": "state"})
}

// Subscription is stored and outlives the process, until Cancel.
type Subscription struct {
	port   *port
	number any
}

// Cancel ends it. Its documents stay.
func (subscription *Subscription) Cancel() error {
	_, err := subscription.port.call(Document{"call": "cancel_subscription", "subscription": subscription.number})
	return err
}

// IsComplete says whether all its documents are here.
func (subscription *Subscription) IsComplete() (bool, error) {
	answer, err := subscription.status()
	return answer["complete"] == true, err
}

// Refused is why the server does not take it, or "": the key may not read the collection, for one.
func (subscription *Subscription) Refused() (string, error) {
	answer, err := subscription.status()
	return text(answer["refused"]), err
}

func (subscription *Subscription) status() (Document, error) {
	return subscription.port.call(Document{"call": "subscription", "subscription": subscription.number})
}
