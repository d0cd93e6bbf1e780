//! What others foresaw of a host, on its way to a gate there.

use windlass_gate::Part;
use windlass_gate::wire::{ORDER_LIMIT, encode};
use windlass_model::Failure;

use super::{Gate, Request};

/// How long what is told with a request may be, as text in bytes: it goes along in one order.
const LONGEST: usize = ORDER_LIMIT / 2;

impl Gate {
    /// Gives requests in check mode along what others foresaw of their machine.
    pub(super) async fn tell_foreseen(&self, requests: &mut [Request]) -> Result<(), Failure> {
        for request in requests {
            let Some((foresight, machine)) = &request.foreseen else { continue };
            let uid = self.ready().await.map_err(|error| error.failure())?.uid;
            let mut known = foresight.unknown_to(self.inner.shared.number, uid, machine);
            if encode(&known).len() > LONGEST {
                known =
                    vec![Part::doubt("what steps would do to more files than a gate can be told of at once")];
            }
            if let Some(foresight) = &mut request.task.foresight {
                foresight.known = known;
            }
        }
        Ok(())
    }
}
