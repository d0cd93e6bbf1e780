//! The client: one request, its redirects, its credentials, and the answer.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::ClientConfig;
use ureq::{Agent, config::AutoHeaderValue, http};

use crate::{
    Error, Follow, Identity, Proxies, Scheme, Trust, Url,
    cookies::Jar,
    dial::{Dial, NoNames, proxy_header},
    pool::Pool,
    redirect, tls,
    wire::{Alive, Patience},
};

/// How requests are made.
#[derive(Clone)]
pub struct Options {
    /// How long any one wait may take: connecting, each read, each write. How long all may take together is
    /// for `alive` to say.
    pub timeout: Duration,
    /// Asked a few times a second; false ends the request.
    pub alive: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Which redirects are followed.
    pub follow: Follow,
    /// Which certificates of servers are good.
    pub trust: Trust,
    /// Who we are, where a server asks for that.
    pub identity: Option<Identity>,
    /// Which requests go through a proxy.
    pub proxies: Proxies,
    /// The local socket that is spoken to, whatever host the address names.
    pub unix: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            alive: Arc::new(|| true),
            follow: Follow::Safe,
            trust: Trust::System,
            identity: None,
            proxies: Proxies::default(),
            unix: None,
        }
    }
}

/// A user and password for the server of the address.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
    /// Sent at once, and not only when the server asks.
    pub at_once: bool,
}

/// What is sent as a body.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Nothing.
    None,
    /// These bytes.
    Bytes(Vec<u8>),
    /// The content of a file.
    File(PathBuf),
}

/// What is asked for.
#[derive(Clone)]
pub struct Request {
    /// GET, POST, ….
    pub method: String,
    /// Where.
    pub url: Url,
    /// Names and values; one that is here is not added by the client.
    pub headers: Vec<(String, String)>,
    /// Names of headers that are not sent along a redirect.
    pub unredirected: Vec<String>,
    /// The body.
    pub payload: Payload,
    /// Who asks; without them, those in the address.
    pub credentials: Option<Credentials>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, url: Url) -> Self {
        let headers = Vec::new();
        Self {
            method: method.into(),
            url,
            headers,
            unredirected: Vec::new(),
            payload: Payload::None,
            credentials: None,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// What the status is called.
    pub reason: &'static str,
    /// Names in lower case, values as they came.
    pub headers: Vec<(String, String)>,
    /// Where the answer came from, after all redirects.
    pub url: Url,
    /// What the answers on the way left as cookies.
    pub cookies: Vec<(String, String)>,
    /// The body, to be read.
    pub body: Body,
}

impl Response {
    /// The values of a header, joined; None if it is not there. The name is in lower case.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// A body. It ends well only if all of it came; [`Error::from_io`] tells what else happened.
pub struct Body(Box<dyn Read + Send>);

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// Makes requests.
pub struct Client {
    options: Options,
    tls: std::sync::OnceLock<Arc<ClientConfig>>,
    pool: Option<Arc<Pool>>,
}

impl Client {
    /// A client; certificates are read when a request first needs them.
    pub fn new(options: Options) -> Self {
        Self { options, tls: std::sync::OnceLock::new(), pool: None }
    }

    /// A client whose connections stay open for the next request to the same place, where the server allows it
    /// and the answer was read to its end. Any number of threads may use it. A server may close a connection in
    /// the moment in which it is used again: that is [`Error::Cut`], and the caller's to repeat.
    pub fn keeping(options: Options) -> Self {
        Self { pool: Some(Arc::default()), ..Self::new(options) }
    }

    /// Sends a request, and those that its redirects and the server's demand for credentials lead to. Every
    /// status is an answer, not an error.
    pub fn send(&self, request: &Request) -> Result<Response, Error> {
        self.send_while(request, self.options.alive.clone())
    }

    /// The same, with an `alive` of its own for this request, its body included.
    pub fn send_while(
        &self,
        request: &Request,
        alive: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> Result<Response, Error> {
        let mut jar = Jar::default();
        let mut request = request.clone();
        if request.credentials.is_none() {
            let found = request.url.user.clone();
            request.credentials =
                found.map(|(user, password)| Credentials { user, password, at_once: false });
        }
        let home = request.url.clone();
        authorize(&mut request, |credentials| credentials.at_once);
        let mut asked = false;
        for _ in 0..=redirect::LIMIT {
            let mut response = self.once(&request, &jar, &alive)?;
            for (_, cookie) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
                jar.take(cookie, &request.url);
            }
            if response.status == 401 && !asked && request.url.same_place(&home) && wants_basic(&response) {
                asked = true;
                if authorize(&mut request, |_| true) {
                    response = self.once(&request, &jar, &alive)?;
                }
            }
            let location = response.header("location");
            match redirect::next(&request, response.status, location.as_deref(), self.options.follow) {
                Some(next) => request = next,
                None => {
                    response.cookies = jar.pairs();
                    return Ok(response);
                }
            }
        }
        Err(Error::Redirects(redirect::LIMIT))
    }

    fn once(&self, request: &Request, jar: &Jar, alive: &Alive) -> Result<Response, Error> {
        let proxy = match self.options.proxies.of(&request.url) {
            Some(_) if self.options.unix.is_some() => None,
            Some(text) => Some(proxy_of(text)?),
            None => None,
        };
        let plain = proxy.as_ref().filter(|_| request.url.scheme == Scheme::Http);
        let mut extra = vec![("Accept-Encoding", "identity".to_owned())];
        extra.extend(self.pool.is_none().then(|| ("Connection", "close".to_owned())));
        extra.extend(jar.header(&request.url).map(|cookies| ("Cookie", cookies)));
        extra.extend(plain.and_then(proxy_header).map(|value| ("Proxy-Authorization", value)));
        let head = head(request, &extra)?;
        let agent = self.agent(&request.url, proxy, alive)?;
        let sent = match &request.payload {
            Payload::Bytes(bytes) => agent.run(head.body(bytes.as_slice()).map_err(refused)?),
            Payload::File(path) => {
                let file = File::open(path)
                    .map_err(|error| Error::BadRequest(format!("cannot read {}: {error}", path.display())))?;
                agent.run(head.body(file).map_err(refused)?)
            }
            // Servers want to be told that there is nothing.
            Payload::None if matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") => {
                agent.run(head.body(&[][..]).map_err(refused)?)
            }
            Payload::None => agent.run(head.body(()).map_err(refused)?),
        };
        Ok(answer(sent?, request.url.clone()))
    }

    fn agent(&self, url: &Url, proxy: Option<Url>, alive: &Alive) -> Result<Agent, Error> {
        let tls = match (url.scheme, self.tls.get()) {
            (Scheme::Http, _) => None,
            (Scheme::Https, Some(config)) => Some(config.clone()),
            (Scheme::Https, None) => {
                let config = tls::config(&self.options.trust, self.options.identity.as_ref())?;
                Some(self.tls.get_or_init(|| config).clone())
            }
        };
        let patience = Patience::new(self.options.timeout, alive.clone());
        let (unix, pool) = (self.options.unix.clone(), self.pool.clone());
        let dial = Dial { url: url.clone(), proxy, unix, tls, patience, pool };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .allow_non_standard_methods(true)
            .max_idle_connections(0)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .user_agent(AutoHeaderValue::None)
            .build();
        Ok(Agent::with_parts(config, dial, NoNames))
    }
}

/// Adds what shows who asks, where it is known and not there already. Says whether it did.
fn authorize(request: &mut Request, when: impl Fn(&Credentials) -> bool) -> bool {
    let Some(credentials) = request.credentials.as_ref().filter(|c| when(c)) else { return false };
    if request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        return false;
    }
    let pair = BASE64_STANDARD.encode(format!("{}:{}", credentials.user, credentials.password));
    request.headers.push(("Authorization".into(), format!("Basic {pair}")));
    true
}

fn wants_basic(response: &Response) -> bool {
    let wanted = response.header("www-authenticate").unwrap_or_default().to_ascii_lowercase();
    wanted.split([',', ' ']).any(|word| word == "basic")
}

/// A proxy's address may lack what it begins with.
fn proxy_of(text: &str) -> Result<Url, Error> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let bad = || Error::BadUrl("the address of the proxy cannot be used: it must be http://HOST:PORT".into());
    Url::parse(&whole).ok().filter(|url| url.scheme == Scheme::Http).ok_or_else(bad)
}

/// The head of a request, with what of `extra` is not in it already. What is wrong with a header is said without
/// its value.
fn head(request: &Request, extra: &[(&str, String)]) -> Result<http::request::Builder, Error> {
    let mut head = http::Request::builder().method(request.method.as_str()).uri(request.url.target());
    let given = |name: &str| request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let own = extra.iter().map(|(name, value)| (*name, value)).filter(|(name, _)| !given(name));
    for (name, value) in request.headers.iter().map(|(name, value)| (name.as_str(), value)).chain(own) {
        // How long the body is, is known from the body.
        if name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding") {
            continue;
        }
        let value = http::HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Error::BadRequest(format!("the header {name} has a line break or the like in it"))
        })?;
        let name = http::HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::BadRequest(format!("{name:?} is not the name of a header")))?;
        head = head.header(name, value);
    }
    Ok(head)
}

fn refused(error: http::Error) -> Error {
    Error::BadRequest(format!("the request cannot be made: {error}"))
}

fn answer(response: http::Response<ureq::Body>, url: Url) -> Response {
    let (parts, body) = response.into_parts();
    // Each byte is a letter, as in Python.
    let text = |value: &http::HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    Response {
        status: parts.status.as_u16(),
        reason: parts.status.canonical_reason().unwrap_or_default(),
        headers,
        url,
        cookies: Vec::new(),
        body: Body(Box::new(body.into_reader())),
    }
}
