//! How a gate gets to a host, and what it refuses to trust there.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use windlass_fleet::remote::{Delivery, Error, Gate, Request};
use windlass_model::Code;

use super::{Host, is_root, quick};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn it_comes_once_and_is_verified_each_time() {
    let host = Host::new();
    let (gate, _child) = host.gate().await;
    let hello = gate.ready().await.unwrap();
    assert_eq!(hello.uid, rustix::process::getuid().as_raw());
    let file = host.file().expect("one gate");
    assert!(file.to_string_lossy().ends_with(&hello.hash));
    assert_eq!((mode(&host.folder()), mode(&file)), (0o700, 0o700));
    let info = gate.info().await.unwrap();
    assert_eq!((info.path, info.cwd), (file.to_string_lossy().into(), host.home().to_string_lossy().into()));
    gate.close().await;

    let before = fs::metadata(&file).unwrap().ino();
    let (gate, _child) = host.gate().await;
    gate.close().await;
    assert_eq!(fs::metadata(&file).unwrap().ino(), before);
    assert_eq!(fs::read_dir(host.folder()).unwrap().count(), 1);
}

#[tokio::test]
async fn requests_need_not_wait_for_it_cold_or_warm() {
    let host = Host::new();
    for _ in 0..2 {
        let delivery = Delivery::default();
        let (streams, _child) = host.exec(&delivery.command());
        let gate = Gate::open(streams, delivery, None, quick());
        let text = "x".repeat(3000);
        let replies = (0..30).map(|n| {
            let (gate, text) = (gate.clone(), format!("{n} {text}"));
            tokio::spawn(async move {
                let reply = gate.run(Request::new("command", json!({"argv": ["echo", text]})), None).await;
                assert_eq!(reply.unwrap().fields["stdout"], text);
            })
        });
        for reply in replies.collect::<Vec<_>>() {
            reply.await.unwrap();
        }
        gate.close().await;
    }
}

#[tokio::test]
async fn every_posix_shell_will_do() {
    for shell in [&["dash", "-c"][..], &["bash", "-c"], &["busybox", "sh", "-c"]] {
        let host = Host::with(shell);
        for _ in 0..2 {
            let (gate, _child) = host.gate().await;
            assert!(!gate.run(Request::new("ping", json!({})), None).await.unwrap().failed);
            gate.close().await;
        }
    }
}

#[tokio::test]
async fn a_host_with_busyboxs_tools_alone_gets_it_whole() {
    let host = Host::new();
    let bin = host.home().join("bin");
    fs::create_dir(&bin).unwrap();
    for tool in [
        "sh",
        "uname",
        "id",
        "mkdir",
        "chmod",
        "wc",
        "sha256sum",
        "head",
        "cat",
        "dd",
        "find",
        "rm",
        "mv",
        "true",
        "gzip",
    ] {
        symlink("/usr/bin/busybox", bin.join(tool)).unwrap();
    }
    let delivery = Delivery::default();
    let script = delivery.command().replace("exec /bin/sh", "exec /usr/bin/busybox sh");
    let (streams, _child) = host.exec(&format!("export PATH=\"{}\"; {script}", bin.display()));
    let gate = Gate::start(streams, delivery, None, quick()).await.unwrap();
    assert!(gate.run(Request::new("ping", json!({})), None).await.is_ok());
    gate.close().await;
}

#[tokio::test]
async fn what_start_up_files_print_is_passed_over() {
    let host = Host::new();
    let delivery = Delivery::default();
    let (streams, _child) = host.exec(&format!("echo welcome; printf dear; {}", delivery.command()));
    Gate::start(streams, delivery, None, quick()).await.unwrap().close().await;
}

#[tokio::test]
async fn a_gate_that_was_tampered_with_is_replaced() {
    let host = Host::new();
    let (gate, mut child) = host.gate().await;
    gate.close().await;
    // Until it is gone, nobody can write to its file.
    child.wait().await.unwrap();
    let file = host.file().unwrap();
    let good = fs::read(&file).unwrap();
    let evil = host.home().join("evil");
    let script = format!("#!/bin/sh\ntouch {}\n", evil.display().to_string().replace(' ', "\\ "));
    let replace: [(&str, &dyn Fn()); 5] = [
        // Who owns it could write to it after it was verified.
        ("one that somebody else owns", &|| {
            if is_root() {
                std::os::unix::fs::chown(&file, Some(65534), Some(65534)).unwrap();
            }
        }),
        ("another program", &|| fs::write(&file, &script).unwrap()),
        ("a truncated one", &|| fs::write(&file, &good[..good.len() / 2]).unwrap()),
        ("a link", &|| {
            let other = host.home().join("other");
            fs::write(&other, &good).unwrap();
            fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
            fs::remove_file(&file).unwrap();
            symlink(&other, &file).unwrap();
        }),
        ("a folder", &|| {
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap();
        }),
    ];
    for (what, change) in replace {
        change();
        let (gate, mut child) = host.gate().await;
        gate.close().await;
        child.wait().await.unwrap();
        assert!(fs::symlink_metadata(&file).unwrap().is_file(), "{what}");
        assert_eq!(fs::read(&file).unwrap(), good, "{what}");
        assert_eq!(fs::metadata(&file).unwrap().uid(), rustix::process::getuid().as_raw(), "{what}");
        assert!(!evil.exists(), "{what} was run");
    }
}

#[tokio::test]
async fn a_folder_that_is_a_link_or_open_to_others_is_not_trusted() {
    let host = Host::mounted("mount -t tmpfs tmpfs /var/tmp; mount -t tmpfs -o noexec tmpfs /dev/shm");
    if !is_root() {
        return;
    }
    let elsewhere = host.home().join("elsewhere");
    fs::create_dir_all(host.home().join(".cache")).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o755)).unwrap();
    symlink(&elsewhere, host.folder()).unwrap();
    let (gate, _child) = host.gate().await;
    let path = gate.info().await.unwrap().path;
    assert!(path.starts_with("/var/tmp/windlass-0/"), "{path}");
    gate.close().await;
    assert_eq!((fs::read_dir(&elsewhere).unwrap().count(), mode(&elsewhere)), (0, 0o755));

    // One of our own that others may write is closed to them first; what they put there has another checksum.
    fs::remove_file(host.folder()).unwrap();
    fs::create_dir(host.folder()).unwrap();
    fs::set_permissions(host.folder(), fs::Permissions::from_mode(0o777)).unwrap();
    host.gate().await.0.close().await;
    assert_eq!(mode(&host.folder()), 0o700);
}

#[tokio::test]
async fn a_folder_that_somebody_else_made_is_not_touched() {
    if !is_root() {
        return;
    }
    let host = Host::mounted(
        "mount -t tmpfs -o noexec tmpfs /dev/shm; mount -t tmpfs tmpfs /var/tmp; mkdir -m 777 /var/tmp/windlass-0; \
         chown 65534 /var/tmp/windlass-0",
    );
    fs::create_dir_all(host.folder()).unwrap();
    std::os::unix::fs::chown(host.folder(), Some(65534), None).unwrap();
    let Err(error) = host.start().await else { panic!("it ran from somewhere") };
    let Error::Homeless(said) = &error else { panic!("{error}") };
    for part in [
        ".cache/windlass belongs to somebody else",
        "/var/tmp/windlass-0 belongs to somebody else",
        "/dev/shm/windlass-0 is mounted noexec",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(error.failure().code, Code::GateHomeless);
    assert_eq!(fs::read_dir(host.folder()).unwrap().count(), 0);
}

#[tokio::test]
async fn homes_that_cannot_hold_it_have_a_way_out() {
    if !is_root() {
        return;
    }
    for (options, why) in
        [("noexec", "is mounted noexec"), ("ro", ".cache is not there"), ("size=64k", "has no room")]
    {
        let mount = format!("mount -t tmpfs -o {options} tmpfs \"$H\"; mount -t tmpfs tmpfs /var/tmp");
        let host = Host::mounted(&mount);
        let (gate, _child) = host.gate().await;
        let path = gate.info().await.unwrap().path;
        assert!(path.starts_with("/var/tmp/windlass-0/"), "{options}: {path}");
        gate.close().await;
        let others = "for i in /var/tmp /dev/shm; do mount -t tmpfs -o noexec tmpfs $i; done";
        let host = Host::mounted(&format!("mount -t tmpfs -o {options} tmpfs \"$H\"; {others}"));
        match host.start().await {
            Err(Error::Homeless(said)) => assert!(said.contains(why), "{options}: {said}"),
            Err(other) => panic!("{options}: {other}"),
            Ok(_) => panic!("{options}: it ran from somewhere"),
        }
    }
}

#[tokio::test]
async fn an_upload_that_is_cut_or_wrong_is_not_kept() {
    let host = Host::new();
    let packed = windlass_image::gate(std::env::consts::ARCH).unwrap().packed().unwrap();
    // Hosts whose gzip does not work take the program as it is.
    let plain = "gzip() { return 1; }; ";
    for (before, bytes, said) in [
        (plain, &b"too short"[..], "9 of "),
        (plain, &[7; 9 << 20], "its checksum is"),
        ("", b"too short", "0 of "),
        ("", &[7; 9 << 20], "0 of "),
        ("", &packed[..packed.len() / 2], " bytes came"),
    ] {
        let command = Delivery::default().command().replace("/bin/sh -c '", &format!("/bin/sh -c '{before}"));
        let (mut streams, _child) = host.exec(&command);
        let mut line = vec![0; 200];
        let count = streams.output.read(&mut line).await.unwrap();
        let line = String::from_utf8_lossy(&line[..count]).into_owned();
        assert!(line.starts_with("WINDLASS-GATE need "), "{line}");
        assert_eq!(line.ends_with(" gzip\n"), before.is_empty(), "{line}");
        streams.input.write_all(b"\nWINDLASS-GATE\n").await.unwrap();
        // The host takes as much as it wants, and no more.
        let _ = streams.input.write_all(bytes).await;
        streams.input.shutdown().await.unwrap();
        drop(streams.input);
        let mut answer = String::new();
        streams.output.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("WINDLASS-GATE bad ") && answer.contains(said), "{answer}");
        assert_eq!(fs::read_dir(host.folder()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_host_of_another_kind_is_named() {
    let host = Host::new();
    let image = windlass_image::gate(std::env::consts::ARCH).unwrap();
    let delivery = Delivery::new([("vax", image)]);
    let (streams, _child) = host.exec(&delivery.command());
    let error = Gate::start(streams, delivery, None, quick()).await.unwrap_err();
    assert_eq!(error, Error::Arch(format!("Linux-{}", std::env::consts::ARCH)));
    assert_eq!(error.failure().code, Code::NoGate);
}

#[tokio::test]
async fn a_host_without_a_shell_is_an_error_with_its_words() {
    let host = Host::new();
    let delivery = Delivery::default();
    let (streams, _child) = host.exec("echo 'This account is not available.' >&2; exit 1");
    let error = Gate::start(streams, delivery, None, quick()).await.unwrap_err();
    assert_eq!(error, Error::Gone("This account is not available.".into()));
}

#[tokio::test]
async fn cleaning_leaves_nothing_of_ours() {
    if !is_root() {
        return;
    }
    let host = Host::mounted("mount -t tmpfs tmpfs /var/tmp; mount -t tmpfs tmpfs /dev/shm");
    host.gate().await.0.close().await;
    fs::write(host.home().join(".cache/other"), "stays").unwrap();
    let (mut streams, _child) = host.exec(&Delivery::clean());
    let mut said = String::new();
    streams.output.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "WINDLASS-GATE clean\n");
    assert!(!host.folder().exists() && host.home().join(".cache/other").exists());
}

#[tokio::test]
async fn another_user_gets_one_of_its_own() {
    if !is_root() {
        return;
    }
    let host = Host::with(&["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c"]);
    std::os::unix::fs::chown(host.home(), Some(65534), Some(65534)).unwrap();
    let (gate, _child) = host.gate().await;
    assert_eq!(gate.ready().await.unwrap().uid, 65534);
    assert_eq!(fs::metadata(host.file().unwrap()).unwrap().uid(), 65534);
    gate.close().await;
}
