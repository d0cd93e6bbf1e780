//! One address: takes connections, lets everybody in, and puts a gate behind each command.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, Error};
use tokio::net::TcpListener;

use crate::Counts;
use crate::gate::{Gate, Said};

/// Takes connections for ever.
pub(crate) async fn listen(listener: TcpListener, config: Arc<Config>, counts: Arc<Counts>, takes: Duration) {
    while let Ok((stream, _)) = listener.accept().await {
        let (config, host) = (config.clone(), Host { counts: counts.clone(), takes, gates: HashMap::new() });
        tokio::spawn(async move {
            // A server waits for answers; without this each would wait for the kernel as well.
            stream.set_nodelay(true).ok();
            if let Ok(session) = Box::pin(run_stream(config, stream, host)).await {
                // How a client goes is its own affair.
                session.await.ok();
            }
        });
    }
}

/// One connection.
pub(crate) struct Host {
    counts: Arc<Counts>,
    takes: Duration,
    gates: HashMap<ChannelId, Gate>,
}

impl Host {
    /// A module at work, which does nothing.
    async fn work(&self) {
        let Counts { modules, busy, most, .. } = &*self.counts;
        most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        busy.fetch_sub(1, Ordering::SeqCst);
        modules.fetch_add(1, Ordering::SeqCst);
    }
}

impl Handler for Host {
    type Error = Error;

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Error> {
        self.counts.logins.fetch_add(1, Ordering::SeqCst);
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, _: &[u8], session: &mut Session) -> Result<(), Error> {
        session.channel_success(id)?;
        let (gate, hello) = Gate::new();
        self.gates.insert(id, gate);
        session.data(id, hello)
    }

    async fn data(&mut self, id: ChannelId, bytes: &[u8], session: &mut Session) -> Result<(), Error> {
        let Some(mut gate) = self.gates.remove(&id) else { return Ok(()) };
        let mut said = gate.hear(bytes);
        loop {
            match said {
                Said::Nothing => break,
                Said::Answer(answer) => session.data(id, answer)?,
                Said::Work { started, done } => {
                    session.data(id, started)?;
                    self.work().await;
                    session.data(id, done)?;
                }
                Said::Bye(answer) => {
                    session.data(id, answer)?;
                    session.exit_status_request(id, 0)?;
                    session.eof(id)?;
                    return session.close(id);
                }
            }
            said = gate.hear(&[]);
        }
        self.gates.insert(id, gate);
        Ok(())
    }
}
