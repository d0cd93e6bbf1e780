//! The one command that starts a gate on a host, and brings it there first if it has to.
//!
//! It is a line for any POSIX shell (dash, busybox, bash), in one pair of single quotes and without a line end,
//! a backslash or an exclamation mark, so that every login shell (csh, fish) hands it on as it is. Its output
//! begins with one line of [`MARK`] and a word:
//!
//! * `have`: the gate is there, its checksum was verified, and it runs from here on.
//! * `need SYSTEM SIZE`: a line with nothing but the mark and then exactly so many bytes are expected; what
//!   comes before that line is passed over, so that requests may be sent before it is known. `have` follows.
//!   With the word `gzip` after it the host can unpack, and so many bytes of the packed program are expected.
//! * `arch SYSTEM`: there is no gate for it. `fail REASONS`: no folder would do. `bad REASON`: the upload is not
//!   what it should be.
//!
//! The folder is private (0700), made by this user and no link, or it is not used; the shell works inside it
//! (`cd -P`), so that nobody can exchange it after it was looked at. The file in it is complete, since it is
//! moved there only when its length and checksum are right, and the checksum is verified again at each start.
//! Where a host has nothing to compute a SHA-256 with, the exact length and the private folder have to do.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use windlass_image::Image;

/// What marks our lines among whatever else a shell may print.
pub(super) const MARK: &str = "WINDLASS-GATE";

/// How to start a gate on hosts of some architectures.
#[derive(Debug, Clone)]
pub struct Delivery {
    gates: Vec<(String, Image)>,
}

/// Puts the system and its architecture into `m`. The kernel says both in files since 6.1.
const SYSTEM: &str = r#"{ read -r s </proc/sys/kernel/ostype && read -r m </proc/sys/kernel/arch && m=$s-$m; } 2>/dev/null || { set -- $(uname -sm); m=$1-$2; };"#;

/// Makes the functions: `sum` puts the checksum of a file into `x` (by `openssl` where it is there, which takes half
/// as long as `sha256sum` where the processor helps), `enter` goes into a private folder or says in
/// `w` why not, `have` says whether the gate is in this folder, `run` starts it. A gate that is there costs no process
/// that could be done without: each takes a host about as long as the gate does for a step.
const FUNCTIONS: &str = r#"
e=@MARK@; o=$PWD; k=; f=windlass-gate-$h; t=.upload-@NONCE@; w=;
sum() { x=$(openssl dgst -sha256 -r <"$1" 2>/dev/null) || x=$(sha256sum <"$1" 2>/dev/null) || x=$(shasum -a 256 <"$1" 2>/dev/null) || { [ "$(wc -c <"$1")" -eq $n ] && x=$h; }; x=${x%% *}; };
enter() { cd -P "$1" 2>/dev/null || { w="$w; $1 is not there"; return 1; }; p=${PWD%/};
if [ -n "$3" ]; then [ -d "$2" ] || [ -L "$2" ] || mkdir "$2" 2>/dev/null || { w="$w; $1/$2 cannot be made"; return 1; }; fi;
if [ -L "$2" ]; then w="$w; $1/$2 is a link"; return 1; fi;
[ -d "$2" ] || return 1;
cd -P "$2" 2>/dev/null && [ "$PWD" = "$p/$2" ] && [ -O . ] || { w="$w; $1/$2 belongs to somebody else"; return 1; };
chmod 700 . 2>/dev/null; return 0; };
have() { if [ -L "$f" ]; then return 1; fi; [ -f "$f" ] && [ -O "$f" ] && [ -x "$f" ] && sum "$f" && [ "$x" = $h ]; };
run() { echo "$e have"; if [ -n "$k" ]; then umask $k; fi; exec "./$f" serve $h "$o"; };
c=; case "${XDG_CACHE_HOME:-}" in /*) c=$XDG_CACHE_HOME;; *) case "${HOME:-}" in /*) c=$HOME/.cache;; esac;; esac; u=;
each() { if [ -n "$c" ]; then enter "$c" windlass $1 && $2; fi; enter /var/tmp windlass-${u:=$(id -u)} $1 && $2; enter /dev/shm windlass-$u $1 && $2; };
"#;

/// Starts the gate where it is; else looks for a folder that can hold and run one, and takes it in there.
const BODY: &str = r#"
found() { if have; then run; fi; };
each "" found;
w=; k=$(umask); umask 077; if [ -n "$c" ]; then mkdir -p "$c" 2>/dev/null; fi;
exact() { [ "$(echo abcdef | { head -c 2 >/dev/null 2>&1; cat; })" = cdef ]; };
take() { if exact; then head -c $1; else dd ibs=1 obs=65536 count=$1 2>/dev/null; fi; };
unzips() { [ $z -gt 0 ] && [ "$(echo x | gzip -c 2>/dev/null | gzip -dc 2>/dev/null)" = x ]; };
fits() { d=$(pwd -P); find . -name ".upload-*" -mmin +60 -exec rm -f {} + 2>/dev/null;
if dd if=/dev/zero of=$t bs=65536 count=$((n / 65536 + 1)) 2>/dev/null; then
if chmod 700 $t && true >$t && ./$t 2>/dev/null; then upload; fi; w="$w; $d is mounted noexec";
elif [ -w . ]; then w="$w; $d has no room"; else w="$w; $d is read-only"; fi; rm -f $t; };
upload() { if unzips; then echo "$e need $m $z gzip"; else z=0; echo "$e need $m $n"; fi;
while IFS= read -r l; do if [ "$l" = $e ]; then break; fi; done;
if [ $z -gt 0 ]; then take $z | gzip -dc >$t 2>/dev/null; else take $n >$t; fi; s=$(wc -c <$t);
if [ $s -eq $n ]; then sum $t; if [ "$x" = $h ]; then
if [ -L "$f" ] || [ -d "$f" ]; then rm -rf "./$f"; fi; chmod 700 $t && mv -f $t "$f" && run; x="cannot be put in place"; else x="its checksum is $x"; fi; else x="$((s)) of $n bytes came"; fi;
rm -f $t; echo "$e bad $x"; exit 74; };
each make fits;
echo "$e fail ${w#; }"; exit 73"#;

/// Removes every gate of this user, and what else lies in its folders.
const CLEAN: &str = r#"
empty() { d=$(pwd -P); cd / && rm -rf "$d"; };
each "" empty; echo "$e clean""#;

impl Delivery {
    /// For hosts of these architectures, each as the kernel calls it (`uname -m`).
    pub fn new(gates: impl IntoIterator<Item = (&'static str, Image)>) -> Self {
        Self { gates: gates.into_iter().map(|(arch, image)| (arch.to_owned(), image)).collect() }
    }

    /// The command. Each call makes another one: two uploads at once do not meet.
    pub fn command(&self) -> String {
        let cases: String = self.gates.iter().map(|(arch, image)| case(arch, image)).collect();
        let choose = format!(r#"{SYSTEM} case $m in {cases} *) echo "@MARK@ arch $m"; exit 69;; esac;"#);
        quoted(&format!("{choose}{FUNCTIONS}{BODY}"))
    }

    /// Which gates these are. Commands of deliveries of the same name start the same.
    pub(crate) fn name(&self) -> String {
        self.gates
            .iter()
            .map(|(arch, image)| format!("{arch}:{}", image.sha256))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// What a gate that is taken over has to be introduced by: the line by which the command says that one is there.
    pub(crate) fn greeting() -> String {
        format!("{MARK} have\n")
    }

    /// A command that removes the gates of this user from a host. It prints one line with the word `clean`.
    pub fn clean() -> String {
        quoted(&format!("h=; n=0; z=0; m=;{FUNCTIONS}{CLEAN}"))
    }

    /// What is to be sent to a system, as `need` names it, if it asks for as much as that is.
    pub(super) fn bytes(&self, system: &str, packed: bool, size: u64) -> Option<&'static [u8]> {
        let (_, image) = self.gates.iter().find(|(arch, _)| system.strip_prefix("Linux-") == Some(arch))?;
        let bytes = if packed { image.packed()? } else { image.bytes() };
        (bytes.len() as u64 == size).then_some(bytes)
    }
}

impl Default for Delivery {
    /// For hosts of this machine's own architecture.
    fn default() -> Self {
        let own = std::env::consts::ARCH;
        Self::new(windlass_image::gate(own).map(|image| (own, image)))
    }
}

fn case(arch: &str, image: &Image) -> String {
    let packed = image.packed().map_or(0, <[u8]>::len);
    format!("Linux-{arch}) h={}; n={}; z={packed};; ", image.sha256, image.size)
}

fn quoted(script: &str) -> String {
    let script = script.replace("@MARK@", MARK).replace("@NONCE@", &nonce()).replace('\n', " ");
    format!("exec /bin/sh -c '{}'", script.trim())
}

/// Something that no other command has: the standard library's hash keys are random.
pub(crate) fn nonce() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_login_shell_hands_the_command_on() {
        for command in [Delivery::default().command(), Delivery::clean()] {
            let script = command.strip_prefix("exec /bin/sh -c '").and_then(|rest| rest.strip_suffix('\''));
            let script = script.expect("one pair of quotes");
            assert!(!script.contains(['\'', '\\', '!', '\n', '@']), "{script}");
        }
        assert_ne!(Delivery::default().command(), Delivery::default().command());
    }
}
