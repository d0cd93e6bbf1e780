//! Connections by the `ssh` program: one master process that holds the connection, one small one for each command.

mod failure;
mod master;
mod transport;

pub(crate) use transport::connect;

/// Whether somebody listens at a control socket.
pub(crate) async fn listens(path: impl AsRef<std::path::Path>) -> bool {
    tokio::net::UnixStream::connect(path).await.is_ok()
}
