//! Where a service is, how it is spoken to, and the connection that does it.

use std::{
    io::{ErrorKind, Read},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use windlass_http::{self as http, Client, Follow, Options, Payload, Proxies, Response, Trust, Url};

use crate::{Error, Key, Kind, Patience, fault};

/// The longest error of a server that is read, in bytes.
const FAULT: u64 = 64 << 10;
/// The longest reply, in bytes.
pub(crate) const REPLY: u64 = 128 << 20;
/// How long the end of a stream is waited for after its last event, so that its connection can be kept.
const LINGER: Duration = Duration::from_millis(250);

/// Where a service is, and how it is spoken to.
#[derive(Clone)]
pub struct Service {
    /// What messages and records call it.
    pub name: String,
    /// The address that the paths of its format are put behind, such as `https://api.openai.com/v1`.
    pub base: String,
    /// The key, where it needs one.
    pub key: Option<Key>,
    /// Headers more.
    pub headers: Vec<(String, String)>,
    /// How long it may be silent: before the answer begins, and between its pieces.
    pub silence: Duration,
    /// Which requests go through a proxy.
    pub proxies: Proxies,
    /// Which certificates are good.
    pub trust: Trust,
}

impl Service {
    /// A service at an address, with the usual of everything else.
    pub fn new(name: impl Into<String>, base: impl Into<String>, key: Option<Key>) -> Self {
        let silence = Duration::from_secs(120);
        let (name, base, headers) = (name.into(), base.into(), Vec::new());
        Self { name, base, key, headers, silence, proxies: Proxies::default(), trust: Trust::System }
    }
}

/// Shows neither the key nor the values of headers, which may be keys.
impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("silence", &self.silence)
            .finish_non_exhaustive()
    }
}

/// What speaks to a service; its connections are kept from request to request.
pub(crate) struct Line {
    pub(crate) service: Service,
    client: Client,
}

impl Line {
    pub(crate) fn new(service: Service) -> Self {
        let options = Options {
            timeout: service.silence,
            // A service that sends elsewhere would be sent the key there.
            follow: Follow::None,
            trust: service.trust.clone(),
            proxies: service.proxies.clone(),
            ..Options::default()
        };
        Self { service, client: Client::keeping(options) }
    }

    /// Sends a body to a path, and gives the answer if it is a good one.
    pub(crate) fn post(
        &self,
        path: &str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        patience: &Patience,
    ) -> Result<Answer, Error> {
        patience.check()?;
        let mut request = http::Request::new("POST", self.url(path)?);
        request.headers = headers;
        request.headers.push(("Content-Type".into(), "application/json".into()));
        request.headers.push(("User-Agent".into(), concat!("windlass/", env!("CARGO_PKG_VERSION")).into()));
        for (name, value) in &self.service.headers {
            request.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
            request.headers.push((name.clone(), value.clone()));
        }
        request.payload = Payload::Bytes(body);
        let linger: Arc<OnceLock<Instant>> = Arc::default();
        let (held, over) = (patience.clone(), linger.clone());
        let alive = move || held.holds() && over.get().is_none_or(|end| Instant::now() < *end);
        let sent = self.client.send_while(&request, Arc::new(alive));
        let response = sent.map_err(|error| self.lost(error, patience))?;
        let request_id = response.header("request-id").or_else(|| response.header("x-request-id"));
        let mut answer = Answer { response, linger, request_id, left: REPLY };
        if (200..300).contains(&answer.response.status) {
            return Ok(answer);
        }
        let mut said = Vec::new();
        // An error whose text breaks off is still that error.
        let _ = (&mut answer.response.body).take(FAULT).read_to_end(&mut said);
        let mut error = fault::of_answer(&answer.response, &said);
        error.message = format!("{}: {}", self.service.name, self.hide(&error.message));
        error.request_id = answer.request_id;
        Err(error)
    }

    /// A text of the service's without the key in it.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.service.key.as_ref().map_or_else(|| text.to_owned(), |key| key.hide(text))
    }

    fn url(&self, path: &str) -> Result<Url, Error> {
        let whole = format!("{}{path}", self.service.base.trim_end_matches('/'));
        Url::parse(&whole).map_err(|error| {
            Error::before(Kind::BadRequest, format!("the address of {}: {error}", self.service.name))
        })
    }

    /// What it means that no answer came, or not all of it.
    pub(crate) fn lost(&self, error: http::Error, patience: &Patience) -> Error {
        // Whoever stops waiting is the reason, whatever the connection made of it.
        if let Err(over) = patience.check() {
            return Error { reached: true, ..over };
        }
        let unreached = matches!(
            error,
            http::Error::Connect { .. }
                | http::Error::Unknown { .. }
                | http::Error::Proxy(_)
                | http::Error::Tls(_)
                | http::Error::BadUrl(_)
                | http::Error::BadRequest(_)
        );
        let kind = match error {
            http::Error::TimedOut { .. } => Kind::Timeout,
            http::Error::BadUrl(_) | http::Error::BadRequest(_) | http::Error::Tls(_) => Kind::BadRequest,
            http::Error::Protocol(_) => Kind::BadAnswer,
            _ => Kind::Network,
        };
        let message = format!("{}: {}", self.service.name, self.hide(&error.to_string()));
        Error { reached: !unreached, ..Error::new(kind, message) }
    }
}

/// A good answer, whose body is still to be read.
pub(crate) struct Answer {
    response: Response,
    linger: Arc<OnceLock<Instant>>,
    pub(crate) request_id: Option<String>,
    left: u64,
}

impl Answer {
    /// Whether it is a stream of events, and not one JSON text.
    pub(crate) fn streams(&self) -> bool {
        self.response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// The next bytes; none at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, http::Error> {
        loop {
            match self.response.body.read(buffer) {
                Ok(length) => {
                    self.left = self.left.saturating_sub(length as u64);
                    if self.left == 0 {
                        return Err(http::Error::Protocol(format!("it is longer than {REPLY} bytes")));
                    }
                    return Ok(length);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(http::Error::from_io(error)),
            }
        }
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> Result<Vec<u8>, http::Error> {
        let (mut all, mut buffer) = (Vec::new(), vec![0; 16 << 10]);
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(all),
                length => all.extend_from_slice(&buffer[..length]),
            }
        }
    }

    /// Nothing more is needed. Where the end comes at once, the connection can serve the next request.
    pub(crate) fn finish(mut self) {
        let _ = self.linger.set(Instant::now() + LINGER);
        let mut buffer = [0; 1024];
        while let Ok(1..) = self.read(&mut buffer) {}
    }
}
