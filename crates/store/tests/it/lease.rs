//! One driver for each run.

use windlass_store::{Error, Store};

use crate::support::run_id;

#[test]
fn a_run_has_one_driver_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let stores = [Store::memory(), Store::open(folder.path()).expect("opens")];
    for store in stores {
        let run = run_id("a");
        assert!(!store.is_driven(&run));
        let lease = store.lease(&run).expect("free");
        assert!(store.is_driven(&run));
        assert!(!store.is_driven(&run_id("b")));
        let pid = std::process::id();
        assert!(matches!(store.lease(&run), Err(Error::Busy { pid: Some(p), .. }) if p == pid));
        drop(lease);
        assert!(!store.is_driven(&run));
        drop(store.lease(&run).expect("free again"));
    }
}

#[test]
fn a_look_does_not_take_the_lease() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let run = run_id("a");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let looker = store.clone();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                looker.is_driven(&run);
            }
        });
        for _ in 0..50 {
            drop(store.lease(&run).expect("nobody drives it"));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        looking.join().expect("it looked");
    });
}

#[test]
fn a_lease_on_a_removed_file_does_not_count() {
    // Threads take the lease and forget the run, which removes the file, in every order; at no time do two
    // hold it.
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let holders = std::sync::atomic::AtomicU32::new(0);
    let taken = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (store, holders, taken) = (store.clone(), &holders, &taken);
            scope.spawn(move || {
                let order = std::sync::atomic::Ordering::SeqCst;
                for _ in 0..200 {
                    if worker == 0 {
                        store.forget(&run_id("a")).expect("forgets or finds it busy");
                    } else if let Ok(lease) = store.lease(&run_id("a")) {
                        assert_eq!(holders.fetch_add(1, order), 0, "two hold the lease");
                        taken.fetch_add(1, order);
                        std::thread::yield_now();
                        holders.fetch_sub(1, order);
                        drop(lease);
                    }
                }
            });
        }
    });
    assert!(taken.into_inner() > 0);
}
