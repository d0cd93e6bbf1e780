//! TLS: whom to trust, who we are, and the layer over a connection.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

use crate::{Error, wire::Wire};

/// Which certificates of servers are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system trusts.
    System,
    /// Those signed by a certificate in this file or folder.
    Of(PathBuf),
    /// Any. Nobody knows then who the server is.
    Anyone,
}

/// The certificate by which we show who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The file with the certificate and those above it, and perhaps its key.
    pub cert: PathBuf,
    /// The file with its key, unless that is in the other one.
    pub key: Option<PathBuf>,
}

/// Where systems keep what they trust, in one file; the last is a folder with a file for each.
const BUNDLES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/etc/ssl/certs",
];

/// What TLS needs to know.
pub(crate) fn config(trust: &Trust, identity: Option<&Identity>) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = match trust {
        Trust::Anyone => builder.dangerous().with_custom_certificate_verifier(Arc::new(Blind(provider))),
        Trust::System => builder.with_root_certificates(system()?),
        Trust::Of(path) => builder.with_root_certificates(of(path)?),
    };
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (certs, key) = identity.read()?;
            builder.with_client_auth_cert(certs, key).map_err(failed)?
        }
    };
    Ok(Arc::new(config))
}

fn failed(error: rustls::Error) -> Error {
    Error::Tls(error.to_string())
}

/// As Python and OpenSSL have it, there is no list of our own: whom a system trusts is for its owner to say.
fn system() -> Result<RootCertStore, Error> {
    BUNDLES.iter().find_map(|path| of(Path::new(path)).ok()).ok_or_else(|| {
        Error::Tls(
            "this system has no list of certificates to trust: install ca-certificates, or name a file"
                .into(),
        )
    })
}

fn of(path: &Path) -> Result<RootCertStore, Error> {
    let unread = |error| Error::Tls(format!("cannot read {}: {error}", path.display()));
    let mut pem = Vec::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(unread)? {
            // Other things may lie there too.
            pem.extend(fs::read(entry.map_err(unread)?.path()).unwrap_or_default());
            pem.push(b'\n');
        }
    } else {
        pem = fs::read(path).map_err(unread)?;
    }
    let roots = roots(&pem);
    if roots.is_empty() {
        return Err(Error::Tls(format!("there is no certificate in {}", path.display())));
    }
    Ok(roots)
}

/// What is no certificate is passed over, as OpenSSL does.
fn roots(pem: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok));
    roots
}

impl Identity {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
        let read = |path: &Path| {
            fs::read(path).map_err(|error| Error::Tls(format!("cannot read {}: {error}", path.display())))
        };
        let pem = read(&self.cert)?;
        let certs: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
        if certs.is_empty() {
            return Err(Error::Tls(format!("there is no certificate in {}", self.cert.display())));
        }
        let (path, pem) = match &self.key {
            Some(path) => (path, read(path)?),
            None => (&self.cert, pem),
        };
        let key = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|_| Error::Tls(format!("there is no key without a password in {}", path.display())))?;
        Ok((certs, key))
    }
}

/// A connection under TLS.
pub(crate) struct Secure {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter<Wire>>,
}

/// Shakes hands. That takes as many reads and writes as it takes, each with its own limit.
pub(crate) fn wrap(
    wire: Wire,
    host: &str,
    config: Arc<ClientConfig>,
    details: &ConnectionDetails<'_>,
    sizes: (usize, usize),
) -> Result<Secure, Error> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Error::BadUrl(format!("no certificate can be for a host called {host}")))?;
    let mut tls = ClientConnection::new(config, name).map_err(failed)?;
    let mut socket = TransportAdapter::new(wire, details.current_time.clone());
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).map_err(said)?;
    }
    let buffers = LazyBuffers::new(sizes.0, sizes.1);
    Ok(Secure { buffers, stream: StreamOwned::new(tls, socket) })
}

/// What rustls says comes as an error of reading.
fn said(error: std::io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => Error::Tls(tls.to_string()),
        None => Error::from_io(error),
    }
}

impl Transport for Secure {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output).and_then(|()| self.stream.flush()).map_err(said)?;
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let amount = self.stream.read(self.buffers.input_append_buf()).map_err(said)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secure")
    }
}

/// Believes every certificate; that its owner speaks is checked all the same.
#[derive(Debug)]
struct Blind(Arc<CryptoProvider>);

impl ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
