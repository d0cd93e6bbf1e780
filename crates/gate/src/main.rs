//! The gate as a program: `windlass-gate serve HASH FOLDER` speaks the protocol on its input and output.
//!
//! It is built as one static file without an async runtime (`crates/image`). A panic, which is a bug, cannot unwind:
//! what can is a fifth larger, and every host would have to take that. One in a module is told as what came of it,
//! and its thread ends there. Any other ends the gate with a word on the error output: the guard ends its children
//! then, and the controller takes what was under way as in doubt.

use std::{
    env,
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    process::ExitCode,
};

use windlass_gate::serve::{self, Options};

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    let words: Vec<&str> = args.iter().map(|arg| arg.to_str().unwrap_or_default()).collect();
    let done = match words[..] {
        ["serve", hash, _] => serve_here(hash, PathBuf::from(&args[2])),
        ["guard"] => {
            serve::guard(io::stdin());
            Ok(())
        }
        ["--version"] => writeln!(io::stdout(), "windlass-gate {}", env!("CARGO_PKG_VERSION")),
        _ => Err(io::Error::other("this program is started by windlass, not by hand")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody to tell it to if this fails.
            let _ = writeln!(io::stderr(), "windlass-gate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves the connection that this process was started with. Contents lie in the folder it was started in,
/// which is the program's own; commands start in `cwd`.
fn serve_here(hash: &str, cwd: PathBuf) -> io::Result<()> {
    // A longer program name would hide this one in the list of processes; without it nothing else changes.
    let _ = rustix::thread::set_name(c"windlass-gate");
    std::panic::set_hook(Box::new(panicked));
    let output = output()?;
    let dir = env::current_dir().ok();
    // Who became another user may be where that user may not go.
    let home = env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let mut places = [Some(cwd), home, Some(PathBuf::from("/"))].into_iter().flatten();
    let cwd = places.find(|place| env::set_current_dir(place).is_ok()).unwrap_or_default();
    let options = Options { hash: hash.to_owned(), cwd, dir, guard: env::current_exe().ok() };
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    serve::serve(input, output, options).map_err(io::Error::other)
}

/// Tells of a panic in a module, and never comes back from it. After another it ends without the image of memory
/// that an abort may leave: secrets would be in it.
fn panicked(info: &std::panic::PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message");
    let place = info.location().map(|place| format!(" ({place})")).unwrap_or_default();
    let text = format!("{message}{place}").replace('\n', " ");
    if serve::broken(&text) {
        loop {
            std::thread::park();
        }
    }
    let _ = writeln!(io::stderr(), "windlass-gate: internal error: {text}");
    std::process::exit(101);
}

/// The real output, for frames alone: whatever else may write to standard output from now on goes nowhere.
fn output() -> io::Result<File> {
    let output: OwnedFd = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    Ok(output.into())
}
