//! Connections that are kept: used again, and only where that is good.

use std::{
    io::{BufReader, Read},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use windlass_http::{Client, Error, Options, Request, Trust, Url};

use crate::{
    body,
    server::{Server, Way, answer, read},
};

/// A server that answers any number of requests on each connection, until a handler says false; it counts its
/// connections and remembers their `Connection` headers.
struct Counting {
    port: u16,
    connections: Arc<AtomicUsize>,
    wishes: Arc<Mutex<Vec<Option<String>>>>,
}

impl Counting {
    fn start(handler: impl Fn(&str, &mut dyn Way) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, wishes) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let server = Self { port, connections: connections.clone(), wishes: wishes.clone() };
        let handler = Arc::new(handler);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (handler, wishes) = (handler.clone(), wishes.clone());
                connections.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    let mut stream = BufReader::new(socket.unwrap());
                    while let Some(ask) = read(&mut stream) {
                        wishes.lock().unwrap().push(ask.header("connection").map(str::to_owned));
                        if !handler(&ask.target, stream.get_mut()) {
                            return;
                        }
                    }
                });
            }
        });
        server
    }

    fn ask(&self, client: &Client, path: &str) -> Result<String, Error> {
        self.ask_while(client, path, Arc::new(|| true))
    }

    fn ask_while(
        &self,
        client: &Client,
        path: &str,
        alive: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> Result<String, Error> {
        let url = Url::parse(&format!("http://127.0.0.1:{}{path}", self.port))?;
        client.send_while(&Request::new("GET", url), alive).and_then(body)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn ok(way: &mut dyn Way) -> bool {
    answer(way, "200 OK", "", b"yes");
    true
}

#[test]
fn one_connection_serves_many_requests() {
    let server = Counting::start(|_, way| ok(way));
    let client = Client::keeping(Options::default());
    for _ in 0..5 {
        assert_eq!(server.ask(&client, "/").unwrap(), "yes");
    }
    assert_eq!(server.connections(), 1);
    assert_eq!(*server.wishes.lock().unwrap(), vec![None; 5]);
    let client = Client::new(Options::default());
    for _ in 0..2 {
        server.ask(&client, "/").unwrap();
    }
    assert_eq!(server.connections(), 3, "a client that keeps none");
}

#[test]
fn what_was_not_read_to_its_end_is_not_used_again() {
    let server = Counting::start(|_, way| ok(way));
    let client = Client::keeping(Options::default());
    let url = Url::parse(&format!("http://127.0.0.1:{}/", server.port)).unwrap();
    let mut unread = client.send(&Request::new("GET", url)).unwrap();
    unread.body.read_exact(&mut [0]).unwrap();
    drop(unread);
    server.ask(&client, "/").unwrap();
    assert_eq!(server.connections(), 2);
}

#[test]
fn what_the_server_closed_is_not_used_again() {
    let server = Counting::start(|path, way| match path {
        "/says" => {
            answer(way, "200 OK", "Connection: close\r\n", b"yes");
            true
        }
        "/does" => !ok(way),
        _ => ok(way),
    });
    let client = Client::keeping(Options::default());
    for path in ["/says", "/", "/does"] {
        server.ask(&client, path).unwrap();
    }
    // Its end arrives a moment after its answer.
    thread::sleep(Duration::from_millis(300));
    server.ask(&client, "/").unwrap();
    assert_eq!(server.connections(), 3);
}

#[test]
fn each_request_ends_by_its_own_wish() {
    let server = Counting::start(|path, way| match path {
        "/slow" => {
            // Until who asked is gone.
            let _ = way.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
            let _ = way.flush().and_then(|()| way.read(&mut [0]).map(drop));
            false
        }
        _ => ok(way),
    });
    let client = Client::keeping(Options::default());
    let first = Arc::new(AtomicBool::new(true));
    let alive = first.clone();
    server.ask_while(&client, "/", Arc::new(move || alive.load(Ordering::SeqCst))).unwrap();
    first.store(false, Ordering::SeqCst);
    assert_eq!(server.ask(&client, "/").unwrap(), "yes", "the first one's wish is over");
    let turns = AtomicUsize::new(0);
    let alive = Arc::new(move || turns.fetch_add(1, Ordering::SeqCst) < 5);
    let stopped = server.ask_while(&client, "/slow", alive);
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn threads_share_connections() {
    let server = Counting::start(|_, way| ok(way));
    let client = Client::keeping(Options::default());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(server.ask(&client, "/").unwrap(), "yes");
                }
            });
        }
    });
    assert!(server.connections() <= 4, "{}", server.connections());
}

#[test]
fn a_connection_over_tls_is_kept_too() {
    let server = Server::secure(false, |_, way| {
        ok(way);
        let mut way = BufReader::new(way);
        while read(&mut way).is_some() {
            answer(way.get_mut(), "200 OK", "", b"again");
        }
    });
    let client = Client::keeping(Options { trust: Trust::Anyone, ..Options::default() });
    let url = Url::parse(&server.secure_url("/")).unwrap();
    let texts = [(); 3].map(|()| client.send(&Request::new("GET", url.clone())).and_then(body).unwrap());
    assert_eq!(texts, ["yes", "again", "again"]);
}
