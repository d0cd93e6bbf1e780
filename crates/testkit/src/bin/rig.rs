//! Test hosts by hand: makes their base, keeps some up while a person looks around, takes leftovers down.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person who runs it")]

use std::process::ExitCode;

use windlass_testkit::Rig;
use windlass_testkit::rig::Error;

const HELP: &str = "\
Test hosts on this machine.

Usage: rig prepare     make the hosts' common base where it is missing
       rig up [N]      boot N hosts (default 3), print an inventory, and keep them until input ends
       rig sweep       take down what killed test processes left
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["prepare"] => Rig::base().map(|base| println!("{}", base.display())),
        ["sweep"] => Rig::sweep().map(|rigs| println!("{rigs} taken down")),
        ["up"] => up(3),
        ["up", count] if count.parse().is_ok_and(|count| (1..=200).contains(&count)) => {
            up(count.parse().expect("it was just parsed"))
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rig: {}", error.whole());
            ExitCode::FAILURE
        }
    }
}

fn up(count: u8) -> Result<(), Error> {
    let rig = Rig::up(count)?;
    println!("{}", rig.inventory());
    eprintln!("The hosts go when this input ends (Ctrl-D).");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
    Ok(())
}
