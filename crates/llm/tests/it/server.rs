//! A server for tests, which answers as it is told to and remembers what it was asked. It keeps connections as real
//! ones do.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::Value;

/// One request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
    /// How many requests came before it.
    pub(crate) number: usize,
}

impl Ask {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Which format it is in.
    pub(crate) fn format(&self) -> &'static str {
        match self.path.as_str() {
            "/v1/messages" => "anthropic",
            "/v1/chat/completions" => "openai",
            "/v1/responses" => "openai-responses",
            other => panic!("{other} was asked"),
        }
    }
}

/// Answers one request; false closes the connection.
type Handler = dyn Fn(&Ask, &mut TcpStream) -> bool + Send + Sync;

/// A server on a port of its own, until it is dropped.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Ask>>>,
    connections: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Ask, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, asked: Arc::default(), connections: Arc::default(), over: Arc::default() };
        let (asked, connections, over) =
            (server.asked.clone(), server.connections.clone(), server.over.clone());
        let handler: Arc<Handler> = Arc::new(handler);
        thread::spawn(move || {
            for socket in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                connections.fetch_add(1, Ordering::SeqCst);
                let (asked, handler) = (asked.clone(), handler.clone());
                let Ok(socket) = socket else { continue };
                thread::spawn(move || serve(socket, &asked, &*handler));
            }
        });
        server
    }

    /// Answers everything with one stream of events.
    pub(crate) fn streaming(events: &'static str) -> Self {
        Self::start(move |_, way| stream(way, events))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Ask> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the loop, which ends then.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(socket: TcpStream, asked: &Mutex<Vec<Ask>>, handler: &Handler) {
    let _ = socket.set_nodelay(true);
    let mut stream = BufReader::new(socket);
    while let Some(mut ask) = read(&mut stream) {
        {
            let mut asked = asked.lock().unwrap();
            ask.number = asked.len();
            asked.push(ask.clone());
        }
        if !handler(&ask, stream.get_mut()) {
            return;
        }
    }
}

fn read(stream: &mut impl BufRead) -> Option<Ask> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut ask = Ask { path: line.split(' ').nth(1)?.into(), ..Ask::default() };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        ask.headers.push((name.to_lowercase(), value.trim().into()));
    }
    let length = ask.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    ask.body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(ask)
}

/// Answers in full.
pub(crate) fn answer(way: &mut TcpStream, status: &str, headers: &str, body: &str) -> bool {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    way.write_all(head.as_bytes()).and_then(|()| way.write_all(body.as_bytes())).is_ok()
}

/// Answers by JSON.
pub(crate) fn json(way: &mut TcpStream, status: &str, headers: &str, body: &Value) -> bool {
    answer(way, status, &format!("Content-Type: application/json\r\n{headers}"), &body.to_string())
}

/// Begins a stream of events.
pub(crate) fn begin(way: &mut TcpStream) -> bool {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
    way.write_all(head.as_bytes()).is_ok()
}

/// A piece of a stream.
pub(crate) fn piece(way: &mut TcpStream, text: &str) -> bool {
    text.is_empty() || write!(way, "{:x}\r\n{text}\r\n", text.len()).is_ok()
}

/// Answers with a whole stream of events.
pub(crate) fn stream(way: &mut TcpStream, events: &str) -> bool {
    begin(way) && piece(way, events) && way.write_all(b"0\r\n\r\n").is_ok()
}
