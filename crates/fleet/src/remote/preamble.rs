//! What a shell says before a gate speaks: one line of ours, among whatever start-up files print.

use super::Error;
use super::delivery::MARK;

/// How much may come before our line: a login banner, not a stream.
const NOISE: usize = 64 << 10;

/// What the line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The gate runs from here on.
    Have,
    /// The gate for this system is to be sent, so many bytes of it.
    Need {
        /// The system.
        system: String,
        /// How many bytes are expected.
        size: u64,
        /// Of the packed program.
        packed: bool,
    },
    /// Everything of ours was removed.
    Clean,
}

/// Finds our line in bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Preamble {
    bytes: Vec<u8>,
    noise: usize,
}

impl Preamble {
    /// Adds bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What our line says, once it is there.
    pub(super) fn pull(&mut self) -> Result<Option<Said>, Error> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            self.noise += line.len();
            let line = String::from_utf8_lossy(&line);
            // What a start-up file prints may end without a line end, right before ours.
            if let Some((_, ours)) = line.split_once(MARK) {
                return read(ours.trim()).map(Some);
            }
        }
        if self.noise + self.bytes.len() > NOISE {
            let text = String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(80)]).into_owned();
            return Err(Error::Rogue(format!("it has said much and nothing of the gate: {:?}", text.trim())));
        }
        Ok(None)
    }

    /// What came after our line: the gate's own.
    pub(super) fn rest(self) -> Vec<u8> {
        self.bytes
    }

    /// The end of what was said, if the stream ends here.
    pub(super) fn tail(&self) -> String {
        String::from_utf8_lossy(&self.bytes).trim().to_owned()
    }
}

fn read(line: &str) -> Result<Said, Error> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "have" => Ok(Said::Have),
        "clean" => Ok(Said::Clean),
        "need" => {
            let (rest, packed) = rest.strip_suffix(" gzip").map_or((rest, false), |rest| (rest, true));
            let (system, size) = rest.rsplit_once(' ').unwrap_or_default();
            let size = size.parse().map_err(|_| odd(line))?;
            Ok(Said::Need { system: system.to_owned(), size, packed })
        }
        "arch" => Err(Error::Arch(rest.to_owned())),
        "fail" => Err(Error::Homeless(rest.to_owned())),
        "bad" => Err(Error::Spoilt(rest.to_owned())),
        _ => Err(odd(line)),
    }
}

fn odd(line: &str) -> Error {
    Error::Rogue(format!("its first line makes no sense: {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(chunks: &[&str]) -> (Result<Option<Said>, Error>, String) {
        let mut preamble = Preamble::default();
        for chunk in chunks {
            preamble.push(chunk.as_bytes());
            match preamble.pull() {
                Ok(None) => {}
                done => return (done, String::from_utf8(preamble.rest()).unwrap_or_default()),
            }
        }
        (Ok(None), String::new())
    }

    #[test]
    fn our_line_is_found_among_others() {
        assert_eq!(said(&["hello\nWINDLASS-G", "ATE have\n0000"]), (Ok(Some(Said::Have)), "0000".into()));
        assert_eq!(said(&["no end WINDLASS-GATE have\n"]).0, Ok(Some(Said::Have)));
        for (line, packed) in [("need Linux-x86_64 12\n", false), ("need Linux-x86_64 12 gzip\n", true)] {
            let need = Said::Need { system: "Linux-x86_64".into(), size: 12, packed };
            assert_eq!(said(&["WINDLASS-GATE ", line]).0, Ok(Some(need)));
        }
        assert_eq!(said(&["WINDLASS-GATE clean\n"]).0, Ok(Some(Said::Clean)));
        assert_eq!(said(&["WINDLASS-GATE arch OpenBSD-mips\n"]).0, Err(Error::Arch("OpenBSD-mips".into())));
        for line in ["WINDLASS-GATE dance\n", "WINDLASS-GATE need x many\n", "WINDLASS-GATE\n"] {
            assert!(matches!(said(&[line]).0, Err(Error::Rogue(_))), "{line}");
        }
        assert!(matches!(said(&[&"x".repeat(NOISE + 1)]).0, Err(Error::Rogue(_))));
        assert!(matches!(said(&[&"x\n".repeat(NOISE), "x"]).0, Err(Error::Rogue(_))));
    }
}
