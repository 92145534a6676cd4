//! A wire between a peer and a server that a test cuts, stalls and mends.
//!
//! Invariants: its address stays; what is stalled goes on where it was, in order; nothing of a connection that was cut
//! comes later.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, Weak},
};

/// Connections to the wire's address, each with one to the server.
pub(crate) struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: Mutex<Option<String>>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    condition: Condition,
    /// Both ends of each; whoever carries between them has them, so that they are closed with it.
    connections: Vec<Weak<TcpStream>>,
    /// After how many bytes to the server a connection ends.
    bytes_max: Option<usize>,
    /// How many have gone there over all connections.
    carried: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Whole,
    /// Bytes wait.
    Stalled,
    /// Connections end as they begin.
    Cut,
}

impl Wire {
    /// One that is cut, to a server that is not known yet.
    pub(crate) fn cut_off() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { condition: Condition::Cut, connections: Vec::new(), bytes_max: None, carried: 0 };
        let shared = Arc::new(Shared { target: Mutex::new(None), state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::downgrade(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Some(shared) = accepting.upgrade() else { return };
                shared.connect(client);
            }
        });
        Self { address, shared }
    }

    /// One that is whole, to a server's `http://host:port`.
    pub(crate) fn to(http: &str) -> Self {
        let wire = Self::cut_off();
        wire.lead_to(http);
        wire
    }

    /// Mends it, to this server.
    pub(crate) fn lead_to(&self, http: &str) {
        *self.shared.target.lock().unwrap() = Some(http.strip_prefix("http://").unwrap().to_owned());
        self.mend();
    }

    /// Where a peer finds the server.
    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends every connection, and new ones as they come.
    pub(crate) fn cut(&self) {
        let mut state = self.shared.state.lock().unwrap();
        state.condition = Condition::Cut;
        state.end_connections();
        self.shared.changed.notify_all();
    }

    /// Ends every connection; new ones are let through.
    pub(crate) fn drop_connections(&self) {
        self.shared.state.lock().unwrap().end_connections();
        self.mend();
    }

    /// From now on a connection ends after so many bytes to the server.
    pub(crate) fn end_connections_after(&self, bytes: usize) {
        self.shared.state.lock().unwrap().bytes_max = Some(bytes);
    }

    /// How many bytes have gone to the server.
    pub(crate) fn carried(&self) -> usize {
        self.shared.state.lock().unwrap().carried
    }

    /// Holds every byte back.
    pub(crate) fn stall(&self) {
        self.shared.state.lock().unwrap().condition = Condition::Stalled;
    }

    /// Lets everything through.
    pub(crate) fn mend(&self) {
        self.shared.state.lock().unwrap().condition = Condition::Whole;
        self.shared.changed.notify_all();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.cut();
        let _ = TcpStream::connect(self.address); // wakes who accepts
    }
}

impl State {
    fn end_connections(&mut self) {
        for stream in self.connections.drain(..).filter_map(|stream| stream.upgrade()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, client: TcpStream) {
        let target = self.target.lock().unwrap().clone();
        let mut state = self.state.lock().unwrap();
        let is_cut = state.condition == Condition::Cut;
        let Some(server) = target.filter(|_| !is_cut).and_then(|target| TcpStream::connect(target).ok()) else {
            return;
        };
        let [client, server] = [client, server].map(|stream| {
            stream.set_nodelay(true).unwrap();
            let stream = Arc::new(stream);
            state.connections.push(Arc::downgrade(&stream));
            stream
        });
        let back = (server.clone(), client.clone());
        for ((from, to), is_to_server) in [((client, server), true), (back, false)] {
            let shared = self.clone();
            std::thread::spawn(move || shared.carry(from, to, is_to_server));
        }
    }

    /// Carries bytes until one side ends.
    fn carry(&self, from: Arc<TcpStream>, to: Arc<TcpStream>, is_to_server: bool) {
        let (mut bytes, mut carried) = ([0; 16 << 10], 0);
        while let Ok(read @ 1..) = (&*from).read(&mut bytes) {
            let state = self.state.lock().unwrap();
            let is_stalled = |state: &mut State| state.condition == Condition::Stalled;
            let mut state = self.changed.wait_while(state, is_stalled).unwrap();
            if is_to_server {
                carried += read;
                if state.bytes_max.is_some_and(|bytes_max| carried > bytes_max) {
                    break;
                }
                state.carried += read;
            }
            drop(state);
            if (&*to).write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
