//! What becomes of what is half written when the process that writes it ends.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use lancet_file::{HiddenFolder, WholeFile, WholeFolder, remove_hidden};

#[test]
fn at_the_end_nothing_half_written_is_left_and_nothing_is_begun() {
    let place = tempfile::tempdir().unwrap();
    let folder = HiddenFolder::begin(place.path(), ".made-").unwrap();
    let whole = WholeFile::begin(&place.path().join("file"), 0o644).unwrap();
    whole.file().write_all(b"half").unwrap();
    let other = WholeFolder::begin(&place.path().join("folder")).unwrap();
    fs::write(other.path().join("file"), "half").unwrap();
    let path = folder.path();
    std::thread::scope(|scope| {
        // Somebody is in the middle of it.
        scope.spawn(|| {
            let mut numbers = 0_u32..;
            while numbers.next().is_some_and(|number| fs::create_dir(path.join(number.to_string())).is_ok()) {
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        while fs::read_dir(path).unwrap().count() < 10 {}
        remove_hidden();
    });
    let begun = HiddenFolder::begin(place.path(), ".made-").map(drop).unwrap_err();
    assert_eq!(begun.kind(), ErrorKind::Interrupted);
    assert_eq!(other.place().unwrap_err().kind(), ErrorKind::Interrupted);
    drop((whole, folder));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}
