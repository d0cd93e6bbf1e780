//! Requests over TLS: who is believed, and who we say we are.

use std::path::PathBuf;

use windlass_http::{Error, Identity, Options, Trust};

use crate::{
    body, get,
    server::{CA, Server, answer},
};

fn at(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

#[test]
fn only_those_are_believed_who_can_prove_it() {
    let server = Server::secure(false, |_, way| answer(way, "200 OK", "", b"yes"));
    let (dir, ca) = at("ca.pem", &format!("comment\n{CA}\n"));
    let trusting = |trust: Trust| Options { trust, ..Options::default() };
    for trust in [Trust::Of(ca.clone()), Trust::Of(dir.path().into()), Trust::Anyone] {
        let told = format!("{trust:?}");
        assert_eq!(body(get(trusting(trust), &server.secure_url("/")).unwrap()).unwrap(), "yes", "{told}");
    }
    let refused = get(Options::default(), &server.secure_url("/"));
    assert!(matches!(&refused, Err(Error::Tls(why)) if why.contains("UnknownIssuer")), "{refused:?}");
    // The certificate is for localhost and 127.0.0.1.
    let by_number = get(trusting(Trust::Of(ca)), &format!("https://{}/", server.address));
    assert!(by_number.is_ok(), "{by_number:?}");
    assert_eq!(server.asked().len(), 4);
    let (_dir, none) = at("ca.pem", "nothing");
    for path in [none, PathBuf::from("/no/such/file")] {
        assert!(matches!(get(trusting(Trust::Of(path)), &server.secure_url("/")), Err(Error::Tls(_))));
    }
}

#[test]
fn we_show_who_we_are_where_a_server_asks() {
    let server = Server::secure(true, |_, way| answer(way, "200 OK", "", b"known"));
    let (_a, ca) = at("ca.pem", CA);
    let (cert, key) = (include_str!("certs/client.pem"), include_str!("certs/client.key"));
    let (_b, both) = at("both.pem", &format!("{key}{cert}"));
    let (_c, cert) = at("cert.pem", cert);
    let (_d, key) = at("key.pem", key);
    let options = |identity| Options { identity, trust: Trust::Of(ca.clone()), ..Options::default() };
    for identity in
        [Identity { cert: both, key: None }, Identity { cert: cert.clone(), key: Some(key.clone()) }]
    {
        assert_eq!(body(get(options(Some(identity)), &server.secure_url("/")).unwrap()).unwrap(), "known");
    }
    assert!(get(options(None), &server.secure_url("/")).and_then(body).is_err());
    let lacking = Identity { cert: cert.clone(), key: None };
    assert!(matches!(get(options(Some(lacking)), &server.secure_url("/")), Err(Error::Tls(_))));
    let (_e, wrong) = at("key.pem", include_str!("certs/server.key"));
    let mixed = Identity { cert, key: Some(wrong) };
    assert!(matches!(get(options(Some(mixed)), &server.secure_url("/")), Err(Error::Tls(_))));
    assert_eq!(server.asked().len(), 2);
}
