//! What answers on a host: the frames of a gate, without anything behind them.

use std::collections::VecDeque;

use windlass_gate::Reply;
use windlass_gate::wire::{
    Answer, Body, Decoder, Frame, Hello, Info, ORDER_LIMIT, Order, RESET, Task, VERSION, encode, order,
};

/// One conversation.
pub(crate) struct Gate {
    decoder: Decoder,
    /// The rest of a batch.
    batch: VecDeque<Task>,
    /// Another controller is to come.
    next: bool,
}

/// What comes next of it.
pub(crate) enum Said {
    Nothing,
    Answer(Vec<u8>),
    /// A module: what is said before it, and after it.
    Work {
        started: Vec<u8>,
        done: Vec<u8>,
    },
    /// The last word.
    Bye(Vec<u8>),
}

impl Gate {
    /// A gate that was there already, and what is said until it listens.
    pub(crate) fn new() -> (Self, Vec<u8>) {
        let mut said = b"WINDLASS-GATE have\n".to_vec();
        said.extend(encode(&Answer::Hello(hello())));
        (Self { decoder: Decoder::new(ORDER_LIMIT), batch: VecDeque::new(), next: false }, said)
    }

    /// Takes in what came, and says what comes of the next order in it. Call it again without bytes until it says
    /// nothing.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Said {
        self.decoder.push(bytes);
        loop {
            if let Some(task) = self.batch.pop_front() {
                return work(&task);
            }
            let frame = match self.decoder.pull() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Said::Nothing,
                Err(error) => return Said::Bye(refusal(error.to_string())),
            };
            let Frame::Message(json) = frame else {
                return Said::Bye(refusal("nobody asked for a content".into()));
            };
            match order(&json) {
                Ok(Order::Module(task)) => return work(&task),
                Ok(Order::Batch { modules, .. }) => self.batch.extend(modules),
                Ok(Order::Info { id }) => {
                    let info = Info { hello: hello(), release: "swarm".into(), ..Info::default() };
                    return Said::Answer(encode(&Answer::Info { id, info }));
                }
                Ok(Order::Reset { nonce, .. }) => {
                    self.next = true;
                    return Said::Answer(encode(&Answer::Clean { nonce }));
                }
                Ok(Order::Hello { .. }) if std::mem::take(&mut self.next) => {
                    return Said::Answer(encode(&Answer::Hello(hello())));
                }
                Ok(Order::Ping { seq }) => return Said::Answer(encode(&Answer::Pong { seq })),
                Ok(Order::Shutdown) => return Said::Bye(encode(&Answer::Bye)),
                Ok(_) => {}
                Err(unread) => return Said::Bye(refusal(unread.message)),
            }
        }
    }
}

fn hello() -> Hello {
    let (arch, caps) = (std::env::consts::ARCH.into(), vec![RESET.into()]);
    Hello { version: VERSION, pid: 1, arch, caps, ..Hello::default() }
}

fn work(task: &Task) -> Said {
    let reply = Reply::ok().with("ping", "pong");
    Said::Work {
        started: encode(&Answer::Started { id: task.id }),
        done: encode(&Answer::Result { id: task.id, body: Body::Reply(reply) }),
    }
}

fn refusal(message: String) -> Vec<u8> {
    encode(&Answer::Error { id: None, message })
}
