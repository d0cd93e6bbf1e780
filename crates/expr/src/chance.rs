//! Random choices: repeatable ones from a seed, exactly as Python makes them, and true ones from outside.
//!
//! `60 | random(seed=inventory_hostname)` gives each host its minute; it must be the same minute as Ansible
//! gives it. So a seed feeds the same generator (MT19937), in the same way, as Python's `random.Random`.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};
use sha2::{Digest, Sha512};

use crate::args::invalid;
use crate::here;

const SIZE: usize = 624;
const AHEAD: usize = 397;

/// Where random numbers come from.
pub(crate) enum Chance {
    /// From a seed.
    Seeded(Box<Twister>),
    /// From outside.
    True,
}

impl Chance {
    /// Repeatable for a seed that is a number or a text; true chance for none.
    pub(crate) fn new(seed: Option<&Value>) -> Result<Chance, Error> {
        let Some(seed) = seed.filter(|seed| !seed.is_none()) else { return Ok(Chance::True) };
        let key = match (seed.as_str(), i128::try_from(seed.clone())) {
            (Some(text), _) => {
                // The number whose bytes are those of the text and of its digest, the highest first.
                let mut bytes = text.as_bytes().to_vec();
                bytes.extend(Sha512::digest(text));
                bytes.reverse();
                bytes
            }
            (None, Ok(number)) if seed.kind() == ValueKind::Bool || seed.is_integer() => {
                number.unsigned_abs().to_le_bytes().to_vec()
            }
            _ => return Err(invalid("a seed is a whole number or a text")),
        };
        let length = key.iter().rposition(|byte| *byte != 0).map_or(1, |last| last / 4 + 1);
        let word = |index: usize| {
            let byte = |at: usize| u32::from(key.get(index * 4 + at).copied().unwrap_or(0));
            byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24
        };
        Ok(Chance::Seeded(Box::new(Twister::new(&(0..length).map(word).collect::<Vec<_>>()))))
    }

    /// A number below a bound, each equally likely.
    pub(crate) fn below(&mut self, bound: usize) -> Result<usize, Error> {
        let bits = usize::BITS - bound.leading_zeros();
        if bound == 0 {
            return Err(invalid("there is nothing to choose from"));
        }
        loop {
            let drawn = self.bits(bits)? as usize;
            if drawn < bound {
                return Ok(drawn);
            }
        }
    }

    /// A number of so many bits, from 1 to 64.
    fn bits(&mut self, bits: u32) -> Result<u64, Error> {
        match self {
            Chance::Seeded(twister) if bits <= 32 => Ok(u64::from(twister.next() >> (32 - bits))),
            Chance::Seeded(twister) => {
                let low = u64::from(twister.next());
                Ok(low | u64::from(twister.next() >> (64 - bits)) << 32)
            }
            Chance::True => {
                let mut bytes = [0; 8];
                here::ask(|outside| outside.random(&mut bytes))?;
                Ok(u64::from_ne_bytes(bytes) >> (64 - bits))
            }
        }
    }

    /// One of the items.
    pub(crate) fn choose(&mut self, items: &[Value]) -> Result<Value, Error> {
        Ok(items[self.below(items.len())?].clone())
    }

    /// Letters out of some, each chosen for itself.
    pub(crate) fn letters(&mut self, from: &[char], count: usize) -> Result<String, Error> {
        (0..count).map(|_| Ok(from[self.below(from.len())?])).collect()
    }

    /// The items in another order.
    pub(crate) fn shuffle(&mut self, items: &mut [Value]) -> Result<(), Error> {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1)?);
        }
        Ok(())
    }
}

/// The generator MT19937 of Matsumoto and Nishimura.
pub(crate) struct Twister {
    state: [u32; SIZE],
    next: usize,
}

impl Twister {
    fn new(key: &[u32]) -> Twister {
        let mut state = [0u32; SIZE];
        state[0] = 19_650_218;
        let mixed = |state: &[u32; SIZE], at: usize| state[at - 1] ^ (state[at - 1] >> 30);
        for at in 1..SIZE {
            state[at] = 1_812_433_253u32.wrapping_mul(mixed(&state, at)).wrapping_add(at as u32);
        }
        let mut at = 1;
        let step = |state: &mut [u32; SIZE], at: &mut usize| {
            *at += 1;
            if *at == SIZE {
                state[0] = state[SIZE - 1];
                *at = 1;
            }
        };
        for round in 0..SIZE.max(key.len()) {
            let part = round % key.len();
            state[at] = (state[at] ^ mixed(&state, at).wrapping_mul(1_664_525))
                .wrapping_add(key[part])
                .wrapping_add(part as u32);
            step(&mut state, &mut at);
        }
        for _ in 1..SIZE {
            state[at] = (state[at] ^ mixed(&state, at).wrapping_mul(1_566_083_941)).wrapping_sub(at as u32);
            step(&mut state, &mut at);
        }
        state[0] = 1 << 31;
        Twister { state, next: SIZE }
    }

    fn next(&mut self) -> u32 {
        if self.next == SIZE {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn twist(&mut self) {
        for at in 0..SIZE {
            let joined = (self.state[at] & 0x8000_0000) | (self.state[(at + 1) % SIZE] & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[at] = self.state[(at + AHEAD) % SIZE] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_one_of_the_paper() {
        let mut twister = Twister::new(&[0x123, 0x234, 0x345, 0x456]);
        let first: Vec<u32> = (0..4).map(|_| twister.next()).collect();
        assert_eq!(first, [1_067_595_299, 955_945_823, 477_289_528, 4_107_218_783]);
    }
}
