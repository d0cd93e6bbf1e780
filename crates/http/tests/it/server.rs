//! A server for tests, which answers as it is told to and remembers what it was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

/// What the tests' authority has signed. The keys are no secrets, and the authority's own is gone.
pub(crate) const CA: &str = include_str!("certs/ca.pem");
const CERT: &str = include_str!("certs/server.pem");
const KEY: &str = include_str!("certs/server.key");

/// One request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// The way back to who asked.
pub(crate) trait Way: Read + Write + Send {}
impl<T: Read + Write + Send> Way for T {}

pub(crate) type Handler = dyn Fn(&Ask, &mut dyn Way) + Send + Sync;

/// A server on a port of its own, until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Ask>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn plain(handler: impl Fn(&Ask, &mut dyn Way) + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(handler))
    }

    /// Over TLS; `knows` asks each client for a certificate of the tests' authority.
    pub(crate) fn secure(knows: bool, handler: impl Fn(&Ask, &mut dyn Way) + Send + Sync + 'static) -> Self {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if knows {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(CA.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let cert = CertificateDer::from_pem_slice(CERT.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
        let config = builder.with_single_cert(vec![cert], key).unwrap();
        Self::start(Some(Arc::new(config)), Arc::new(handler))
    }

    fn start(tls: Option<Arc<ServerConfig>>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let server = Self { address, asked: asked.clone(), over: over.clone() };
        thread::spawn(move || {
            for socket in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (tls, handler, asked) = (tls.clone(), handler.clone(), asked.clone());
                let Ok(socket) = socket else { continue };
                thread::spawn(move || match tls {
                    None => serve(socket, &asked, &*handler),
                    Some(config) => {
                        let tls = ServerConnection::new(config).unwrap();
                        let mut stream = StreamOwned::new(tls, socket);
                        serve(&mut stream, &asked, &*handler);
                        stream.conn.send_close_notify();
                        let _ = stream.flush();
                    }
                });
            }
        });
        server
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Ask> {
        self.asked.lock().unwrap().clone()
    }

    /// The address of a path, by number and in the clear.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The address of a path, by name and over TLS.
    pub(crate) fn secure_url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the loop, which ends then.
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads one request, remembers it, and lets it be answered.
fn serve(stream: impl Way, asked: &Mutex<Vec<Ask>>, handler: &Handler) {
    let mut stream = BufReader::new(stream);
    let Some(ask) = read(&mut stream) else { return };
    asked.lock().unwrap().push(ask.clone());
    handler(&ask, stream.get_mut());
}

pub(crate) fn read(stream: &mut impl BufRead) -> Option<Ask> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split_whitespace();
    let mut ask = Ask { method: words.next()?.into(), target: words.next()?.into(), ..Ask::default() };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        ask.headers.push((name.to_lowercase(), value.trim().into()));
    }
    if let Some(length) = ask.header("content-length").and_then(|length| length.parse().ok()) {
        ask.body = vec![0; length];
        stream.read_exact(&mut ask.body).ok()?;
    }
    Some(ask)
}

/// Answers in full.
pub(crate) fn answer(way: &mut dyn Way, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    // Who asked may be gone.
    let _ = way.write_all(head.as_bytes()).and_then(|()| way.write_all(body)).and_then(|()| way.flush());
}

/// Answers a byte at a time, as often as it takes.
pub(crate) fn drip(way: &mut dyn Way, every: Duration, count: usize) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n");
    let mut sent = way.write_all(head.as_bytes()).and_then(|()| way.flush());
    for _ in 0..count {
        if sent.is_err() {
            return;
        }
        thread::sleep(every);
        sent = way.write_all(b"x").and_then(|()| way.flush());
    }
}
