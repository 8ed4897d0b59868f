//! Runs that were exported: every change of them is found, whoever made it.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

use lancet_core::{Event, Outcome, Sha256};
use lancet_trust::{Export, ExportError, Judged, OpenedExport, PrivateKey, PublicKey};

#[path = "../../../tests/campaign/scale.rs"]
mod scale;

mod fixture;

use fixture::{Fixture, fixture};

const BLOCK: usize = 512;

fn unchanged(_: &mut Vec<Event>, _: &mut Judged) {}

fn verified<'f>(file: &'f [u8], key: &PublicKey) -> Result<Export<Cursor<&'f [u8]>>, ExportError> {
    OpenedExport::open(Cursor::new(file))?.verify(key)
}

fn exported() -> (PrivateKey, Fixture, Vec<u8>) {
    let key = PrivateKey::generate().unwrap();
    let fixture = fixture(&key, &unchanged);
    let file = fixture.export(&fixture.blobs, &key);
    (key, fixture, file)
}

/// Where the files of an archive are in it, with their headers.
fn entries(file: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while file[at] != 0 {
        let size = std::str::from_utf8(&file[at + 124..at + 135]).unwrap();
        let size = usize::from_str_radix(size, 8).unwrap();
        let end = at + BLOCK + size.next_multiple_of(BLOCK);
        found.push(at..end);
        at = end;
    }
    assert_eq!(file[at..], [0; 2 * BLOCK]);
    found
}

/// A file of which it is counted how much is read: what is behind its bytes is read without end.
#[derive(Debug)]
struct Counted<'f> {
    file: &'f [u8],
    at: usize,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = self.file.get(self.at..).unwrap_or_default();
        let some = rest.len().min(into.len());
        into[..some].copy_from_slice(&rest[..some]);
        into[some..].fill(b'x');
        self.at += into.len();
        Ok(into.len())
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        unreachable!("it is read once, from its beginning")
    }
}

#[test]
fn of_a_file_that_nobody_known_has_signed_one_line_is_read() {
    // What is attested is said to have 255 MiB.
    let large = |line: &str| {
        let mut file = header(255 << 20).to_vec();
        file.extend_from_slice(line.as_bytes());
        file
    };
    let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let fixture = fixture(&key, &unchanged);
    let file = fixture.export(&fixture.blobs, &key);
    let line = file[BLOCK..].split_inclusive(|byte| *byte == b'\n').next().unwrap();
    let file = large(std::str::from_utf8(line).unwrap());
    let mut source = Counted { file: &file, at: 0 };
    let opened = OpenedExport::open(&mut source).unwrap();
    assert_eq!(opened.key_id().unwrap(), key.public().id());
    opened.verify(&other.public()).unwrap_err();
    assert!(source.at < 1 << 20, "{} bytes are read", source.at);
    // A line that does not end is read as far as one may be long.
    let file = large("");
    let mut source = Counted { file: &file, at: 0 };
    assert!(OpenedExport::open(&mut source).unwrap().key_id().is_err());
    assert!(source.at < 17 << 20, "{} bytes are read", source.at);
}

/// The header of what is attested, of that many bytes.
fn header(bytes: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, b"attested.jsonl");
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{bytes:011o}\x0000000000000\0").as_bytes());
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\x000000000\0");
    put(148, b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[test]
fn what_was_exported_comes_back_and_is_the_same_each_time() {
    let (key, fixture, file) = exported();
    let mut export = verified(&file, &key.public()).unwrap();
    assert_eq!((export.blobs(), export.bytes()), (fixture.blobs.len(), file.len() as u64));
    assert_eq!(export.attested().verdicts.len(), 2);
    assert_eq!(export.record().run, fixture.run);
    for (digest, bytes) in &fixture.blobs {
        assert_eq!(export.blob(*digest).unwrap(), *bytes);
    }
    let nothing = Sha256::of(b"nothing");
    assert!(matches!(export.blob(nothing), Err(ExportError::Missing { digest, .. }) if digest == nothing));
    assert_eq!(fixture.export(&fixture.blobs, &key), file);
    // Other programs read it, too.
    let mut archive = tar::Archive::new(&file[..]);
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    let names: Vec<_> = names.collect();
    let blobs = fixture.blobs.keys().map(|digest| format!("blobs/{}", digest.hex()));
    let expected = ["attested.jsonl", "export.sigstore.json"].map(str::to_owned).into_iter().chain(blobs);
    assert_eq!(names, expected.collect::<Vec<_>>());
    // It is read whole from a file that was changed under it.
    let (by, digest) = (key.public(), *fixture.blobs.keys().next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.export.tar");
    std::fs::write(&path, &file).unwrap();
    let mut export = OpenedExport::open(std::fs::File::open(&path).unwrap()).unwrap().verify(&by).unwrap();
    std::fs::write(&path, vec![b'x'; file.len()]).unwrap();
    assert!(matches!(export.blob(digest), Err(ExportError::Content(_))));
}

#[test]
fn each_changed_byte_is_found_and_each_place_where_it_is_cut_off() {
    let (key, _, mut file) = exported();
    let public = key.public();
    let step = (file.len() / scale::scaled(file.len() / 4)).max(1);
    for at in (0..file.len()).step_by(step) {
        let bit = 1 << (at % 8);
        file[at] ^= bit;
        assert!(verified(&file, &public).is_err(), "bit {bit} of byte {at}");
        file[at] ^= bit;
        if at % 16 == 0 || at.is_multiple_of(BLOCK) {
            let error = verified(&file[..at], &public).unwrap_err();
            assert!(!error.hint().is_empty());
            let more = [&file[..at], b"\0", &file[at..]].concat();
            assert!(verified(&more, &public).is_err(), "one more at byte {at}");
        }
    }
    for more in [vec![0], vec![0; BLOCK], vec![0; 20 * BLOCK], file.clone()] {
        let error = verified(&[&file[..], &more].concat(), &public).unwrap_err();
        assert!(matches!(error, ExportError::Trailing), "{error}");
    }
    assert!(verified(&file, &public).is_ok());
    let other = PrivateKey::generate().unwrap().public();
    assert!(matches!(verified(&file, &other), Err(ExportError::Attested(_))));
}

#[test]
fn files_in_it_that_are_swapped_left_out_put_in_or_in_another_order_are_found() {
    let (key, fixture, file) = exported();
    let public = key.public();
    let entries = entries(&file);
    let parts: Vec<&[u8]> = entries.iter().map(|range| &file[range.clone()]).collect();
    let built = |parts: &[&[u8]]| [&parts.concat()[..], &[0; 2 * BLOCK]].concat();
    assert_eq!(built(&parts), file);
    for at in 0..parts.len() {
        let mut without = parts.clone();
        let one = without.remove(at);
        assert!(verified(&built(&without), &public).is_err(), "without {at}");
        for place in 0..parts.len() {
            let mut twice = parts.clone();
            twice.insert(place, one);
            assert!(verified(&built(&twice), &public).is_err(), "{at} twice, at {place}");
            if place != at {
                let mut moved = without.clone();
                moved.insert(place, one);
                assert!(verified(&built(&moved), &public).is_err(), "{at} at {place}");
                let mut swapped = parts.clone();
                let content = [&parts[at][..BLOCK], &parts[place][BLOCK..]].concat();
                swapped[at] = &content;
                assert!(verified(&built(&swapped), &public).is_err(), "{place} in {at}");
            }
        }
    }
    // Verdicts can be taken out of what was attested, and not of an export.
    let lines: Vec<&str> = fixture.attested.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 2 + 3 + 3);
    let some = Fixture { attested: lines[..5].concat(), ..fixture };
    let error = verified(&some.export(&some.blobs, &key), &public).unwrap_err();
    assert!(matches!(error, ExportError::Needless(_)), "{error}");
    // What is listed by a key of somebody else, or of another run.
    let other = PrivateKey::generate().unwrap();
    let lying = Fixture { attested: lines.concat(), ..some };
    let error = verified(&lying.export(&lying.blobs, &other), &public).unwrap_err();
    assert!(matches!(error, ExportError::Bundle { .. }), "{error}");
    let lying = Fixture { run: "20261123-083329-4f2a9d".parse().unwrap(), ..lying };
    let error = verified(&lying.export(&lying.blobs, &key), &public).unwrap_err();
    assert!(matches!(error, ExportError::Statement { .. }), "{error}");
}

#[test]
fn a_host_that_leaves_something_out_or_contradicts_itself_is_found() {
    let (key, fixture, _) = exported();
    let public = key.public();
    for digest in fixture.blobs.keys() {
        let mut blobs = fixture.blobs.clone();
        blobs.remove(digest);
        let error = verified(&fixture.export(&blobs, &key), &public).unwrap_err();
        assert!(
            matches!(&error, ExportError::Missing { digest: missing, .. } if missing == digest),
            "{error}"
        );
    }
    let mut blobs = fixture.blobs.clone();
    blobs.insert(Sha256::of(b"more"), b"more".to_vec());
    let error = verified(&fixture.export(&blobs, &key), &public).unwrap_err();
    assert!(matches!(error, ExportError::Needless(_)), "{error}");

    let change = |words: &str, change: fixture::Change<'_>| {
        let lying = fixture::fixture(&key, change);
        let error = verified(&lying.export(&lying.blobs, &key), &public).unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert!(!error.hint().is_empty());
    };
    change("attempt a/1, `attempts`", &|_, judged| judged.attempts = 2);
    change("attempt a/1, `retakes`", &|_, judged| judged.retakes = 1);
    change("attempt a/1, `solve`", &|_, judged| judged.solve.as_mut().unwrap().fuel = Some(2));
    change("attempt a/1, `grade`", &|_, judged| judged.grade.as_mut().unwrap().engine.push('x'));
    change("attempt a/1, `setting`", &|_, judged| judged.setting = Some(Sha256::of(b"a")));
    change("attempt a/1, `task`", &|_, judged| {
        judged.task = if judged.record.task.to_string() == "a" { Sha256::of(b"b") } else { Sha256::of(b"a") };
    });
    // A verdict that was changed after the journal, and a journal that does not hold together.
    change("attempt a/1, `record`", &|_, judged| {
        judged.record.verdict.explanation.push('x');
        judged.digest = judged.record.digest();
    });
    change("attempt b/1, `journal`: event 5: the verdict decided is pass", &|events, judged| {
        if judged.record.verdict.outcome == Outcome::Fail {
            judged.record.verdict.outcome = Outcome::Pass;
            judged.digest = judged.record.digest();
            let (record, digest) = (judged.record.clone(), judged.digest);
            *events.last_mut().unwrap() = Event::Decided { record, digest };
        }
    });
    change("attempt a/1, `record`", &|events, _| drop(events.pop()));
}

#[test]
fn what_is_none_is_refused_before_it_is_read() {
    let key = PrivateKey::generate().unwrap().public();
    for file in [&b""[..], b"x", &[0; BLOCK], &[0; 4 * BLOCK], &[b'7'; 4 * BLOCK]] {
        assert!(verified(file, &key).is_err());
    }
    // Sizes that nobody has room for.
    let (_, _, file) = exported();
    let mut huge = file[..BLOCK].to_vec();
    huge[124..135].copy_from_slice(b"77777777777");
    huge[148..156].copy_from_slice(b"        ");
    let sum: u32 = huge.iter().map(|byte| u32::from(*byte)).sum();
    huge[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let error = verified(&huge, &key).unwrap_err();
    assert!(matches!(error, ExportError::Entry { .. }), "{error}");
}
