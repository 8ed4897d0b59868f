//! The custom section `lancet:plugin` of a component, and the sections of metadata that other
//! tools read.

use std::borrow::Cow;
use std::ops::Range;

use crate::error::PackageError;
use crate::manifest::Manifest;
use crate::text::{MAX_MANIFEST_BYTES, SECTION};

/// How a component begins: the magic number, version 13, layer 1.
const COMPONENT: &[u8; 8] = b"\0asm\x0d\0\x01\0";
/// How a core module begins.
const MODULE: &[u8; 8] = b"\0asm\x01\0\0\0";
const CUSTOM_ID: u8 = 0;
const MODULE_ID: u8 = 1;
const COMPONENT_ID: u8 = 4;
/// How deep components are looked into: the host takes none that are deeper.
const MAX_NESTING: usize = 32;

/// Sections as wasm-tools reads and writes them, each a text, which [`write`] replaces.
const METADATA: [&str; 7] =
    ["authors", "description", "licenses", "source", "version", "homepage", "revision"];
/// The section of names; the component's own name is its part 0.
const NAMES: &str = "component-name";

/// Reads the manifest of a component. `None` when the component has none.
///
/// # Errors
/// When the sections of the bytes cannot be told apart, the section is doubled, in a
/// component inside, too large or no text, or the manifest is refused by itself.
/// [`Manifest::check`] compares it with the component.
pub fn read(component: &[u8]) -> Result<Option<Manifest>, PackageError> {
    Ok(text(component)?.map(Manifest::parse).transpose()?)
}

/// The text of the manifest of a component, as it was written: what is signed of it.
///
/// # Errors
/// As [`read`], but for what the text says.
pub fn text(component: &[u8]) -> Result<Option<&str>, PackageError> {
    match sole(component)? {
        Some(bytes) if bytes.len() > MAX_MANIFEST_BYTES => Err(PackageError::TooLarge(bytes.len())),
        Some(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|_| PackageError::NoText),
        None => Ok(None),
    }
}

/// Makes a package of a component: the text of its manifest goes into the section
/// `lancet:plugin`, and what other tools know of it into theirs, in place of what is there.
///
/// # Errors
/// When the sections of the bytes cannot be told apart, there is such a section already, or
/// the manifest is refused. It is not compared with the component.
pub fn write(component: &[u8], manifest: &str) -> Result<Vec<u8>, PackageError> {
    match sole(component) {
        Ok(None) => {}
        Ok(Some(_)) | Err(PackageError::Doubled(_)) => return Err(PackageError::Packed),
        Err(error) => return Err(error),
    }
    if manifest.len() > MAX_MANIFEST_BYTES {
        return Err(PackageError::TooLarge(manifest.len()));
    }
    let said = Manifest::parse(manifest)?;
    let mut package = component.get(..COMPONENT.len()).unwrap_or_default().to_vec();
    let mut is_named = false;
    for section in sections(component, COMPONENT.len()..component.len()) {
        let section = section?;
        let name = section.custom(component)?.map(|(name, _)| name);
        is_named |= name == Some(NAMES.as_bytes());
        if !METADATA.iter().any(|replaced| name == Some(replaced.as_bytes())) {
            package.extend_from_slice(component.get(section.whole).unwrap_or_default());
        }
    }
    if !is_named {
        let mut name = Vec::new();
        length(&mut name, said.name.len());
        name.extend_from_slice(said.name.as_bytes());
        let mut part = vec![0];
        length(&mut part, name.len());
        part.extend(name);
        custom(&mut package, NAMES, &part);
    }
    for (name, text) in METADATA.into_iter().zip(metadata_of(&said)) {
        if let Some(text) = text {
            custom(&mut package, name, text.as_bytes());
        }
    }
    custom(&mut package, SECTION, manifest.as_bytes());
    Ok(package)
}

/// What [`write`] has the sections of metadata say, in the order of [`METADATA`].
fn metadata_of(said: &Manifest) -> [Option<String>; METADATA.len()] {
    [
        Some(said.authors.join(", ")),
        Some(said.description.clone()),
        Some(said.licence.clone()),
        said.source.clone(),
        Some(said.version.to_string()),
        // What no manifest says, nobody is to be told by other tools.
        None,
        None,
    ]
}

/// A section of metadata that says something else than the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its name: `authors`, `description`, `licenses`, `source`, `version`, `homepage` or `revision`.
    pub section: &'static str,
    /// What it holds; `None` when there is no such section.
    pub found: Option<String>,
    /// What it should hold; `None` when there should be none.
    pub expected: Option<String>,
}

/// Compares what other tools are told of a package with what its manifest says. Of a section
/// that is there several times the last one counts, as it does for those tools.
///
/// # Errors
/// When the sections of the bytes cannot be told apart.
pub fn metadata(package: &[u8], said: &Manifest) -> Result<Vec<Metadata>, PackageError> {
    let mut found: [Option<String>; METADATA.len()] = Default::default();
    for section in sections(package, COMPONENT.len()..package.len()) {
        let Some((name, content)) = section?.custom(package)? else { continue };
        if let Some(place) = METADATA.iter().position(|known| known.as_bytes() == name) {
            let text = package.get(content).unwrap_or_default();
            found[place] = Some(String::from_utf8_lossy(text).into_owned());
        }
    }
    let expected = metadata_of(said);
    let all = METADATA.into_iter().zip(found.into_iter().zip(expected));
    let differs = all.filter(|(_, (found, expected))| found != expected);
    Ok(differs.map(|(section, (found, expected))| Metadata { section, found, expected }).collect())
}

fn broken(why: &'static str) -> PackageError {
    PackageError::Broken(Cow::Borrowed(why))
}

/// What the one section of that name holds, where it may be.
fn sole(component: &[u8]) -> Result<Option<&[u8]>, PackageError> {
    if !component.starts_with(COMPONENT) {
        return Err(broken("expected a component: `\\0asm`, version 13, layer 1"));
    }
    let (mut found, mut number, mut is_inside) = (None, 0, false);
    // What is inside is looked at as well, since that is where a section is that a linker or
    // a composition left: no manifest of the whole.
    let mut due = vec![(COMPONENT.len()..component.len(), 0, true)];
    while let Some((range, depth, is_component)) = due.pop() {
        for section in sections(component, range) {
            let section = section?;
            if let Some((name, content)) = section.custom(component)? {
                if name == SECTION.as_bytes() && depth == 0 {
                    number += 1;
                    found = component.get(content);
                } else {
                    is_inside |= name == SECTION.as_bytes();
                }
            } else if is_component && matches!(section.id, MODULE_ID | COMPONENT_ID) {
                let Range { start, end } = section.content;
                let inner = component.get(start..end).unwrap_or_default();
                let is_component = inner.starts_with(COMPONENT);
                if !is_component && !inner.starts_with(MODULE) {
                    return Err(broken("a component or a module inside begins with something else"));
                }
                if depth == MAX_NESTING {
                    return Err(broken("components are nested more than 32 deep"));
                }
                due.push((start + COMPONENT.len()..end, depth + 1, is_component));
            }
        }
    }
    match number {
        0 if is_inside => Err(PackageError::Nested),
        0 | 1 => Ok(found),
        number => Err(PackageError::Doubled(number)),
    }
}

/// A section of a component or a module, by where it is.
struct Section {
    id: u8,
    /// With its id and its length.
    whole: Range<usize>,
    content: Range<usize>,
}

/// A custom section: its name, and where what it holds is.
type Custom<'b> = (&'b [u8], Range<usize>);

impl Section {
    /// The name of a custom section, and where what it holds is. `None` for another section.
    fn custom<'b>(&self, bytes: &'b [u8]) -> Result<Option<Custom<'b>>, PackageError> {
        if self.id != CUSTOM_ID {
            return Ok(None);
        }
        let mut at = self.content.start;
        let Some(name) = read_length(bytes, &mut at, self.content.end)
            .and_then(|length| at.checked_add(length))
            .filter(|end| *end <= self.content.end)
        else {
            return Err(broken("the name of a custom section is longer than the section"));
        };
        Ok(bytes.get(at..name).map(|text| (text, name..self.content.end)))
    }
}

/// The sections in a range of bytes, which ends where the last one ends.
fn sections(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Result<Section, PackageError>> {
    let Range { start: mut at, end } = range;
    std::iter::from_fn(move || {
        let start = at;
        if start >= end {
            return None;
        }
        let id = *bytes.get(start)?;
        at = start + 1;
        let content = read_length(bytes, &mut at, end)
            .and_then(|length| Some(at..at.checked_add(length)?))
            .filter(|content| content.end <= end);
        let Some(content) = content else {
            // Nothing can be read after this.
            at = end;
            return Some(Err(broken("a section is longer than what it is in")));
        };
        at = content.end;
        Some(Ok(Section { id, whole: start..at, content }))
    })
}

/// Reads a length of at most 32 bits in LEB128, before `end`.
fn read_length(bytes: &[u8], at: &mut usize, end: usize) -> Option<usize> {
    let mut value = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *bytes.get(..end)?.get(*at)?;
        *at += 1;
        let part = u32::from(byte & 0x7f);
        if shift == 28 && part > 0xf {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

/// Writes a custom section.
fn custom(component: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut section = Vec::new();
    length(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    component.push(CUSTOM_ID);
    length(component, section.len());
    component.extend(section);
}

/// Writes a length in LEB128.
fn length(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        bytes.push(if value == 0 { byte } else { byte | 0x80 });
        if value == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::WHOLE;
    use proptest::prelude::{ProptestConfig, any, prop, proptest};
    use wasmparser::{Parser, Payload, Validator, WasmFeatures};

    fn component(body: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {body})")).unwrap()
    }

    fn with(section: &[u8]) -> Vec<u8> {
        let mut bytes = component("");
        custom(&mut bytes, SECTION, section);
        bytes
    }

    /// The custom sections of the outermost component, as another reader has them.
    fn customs(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        Validator::new_with_features(WasmFeatures::all()).validate_all(bytes).unwrap();
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            if let Payload::CustomSection(section) = payload.unwrap() {
                found.push((section.name().to_owned(), section.data().to_vec()));
            }
        }
        found
    }

    #[test]
    fn what_is_written_is_read_and_others_read_it_too() {
        let bare = component("(core module) (component (core module))");
        assert_eq!(read(&bare), Ok(None));
        let package = write(&bare, WHOLE).unwrap();
        assert_eq!(read(&package).unwrap(), Some(Manifest::parse(WHOLE).unwrap()));
        assert!(package.starts_with(&bare));
        let customs = customs(&package);
        let text = |name: &str| {
            let (_, data) = customs.iter().find(|(found, _)| found == name).unwrap();
            String::from_utf8(data.clone()).unwrap()
        };
        assert_eq!(text(SECTION), WHOLE);
        assert_eq!(text("authors"), "Ada <ada@example.org>, Bob");
        assert_eq!(text("description"), "Pays whoever chose the right proposal.");
        assert_eq!(text("licenses"), "MIT OR Apache-2.0");
        assert_eq!(text("source"), "https://example.org/acme/right-choice");
        assert_eq!(text("version"), "1.2.0");
        assert_eq!(text(NAMES), "\0\u{12}\u{11}acme/right-choice");
        assert_eq!(write(&package, WHOLE), Err(PackageError::Packed));
    }

    #[test]
    fn metadata_that_says_something_else_is_told() {
        let said = Manifest::parse(WHOLE).unwrap();
        let package = write(&component(""), WHOLE).unwrap();
        assert_eq!(metadata(&package, &said), Ok(Vec::new()));
        let mut other = package.clone();
        custom(&mut other, "version", b"9.9.9");
        let differs = |found: &[u8]| metadata(found, &said).unwrap();
        let (found, expected) = (Some("9.9.9".to_owned()), Some("1.2.0".to_owned()));
        assert_eq!(differs(&other), [Metadata { section: "version", found, expected }]);
        let bare = differs(&with(WHOLE.as_bytes()));
        assert_eq!(bare.len(), 5);
        assert!(bare.iter().all(|metadata| metadata.found.is_none()));
        // What no manifest says, no section may.
        let no_source = Manifest::parse(&WHOLE.replace("source =", "# source =")).unwrap();
        let sourced = metadata(&package, &no_source).unwrap();
        assert!(sourced.len() == 1 && sourced[0].section == "source" && sourced[0].expected.is_none());
        let mut elsewhere = package.clone();
        custom(&mut elsewhere, "homepage", b"https://example.com/other");
        let found = metadata(&elsewhere, &said).unwrap();
        assert!(found.len() == 1 && found[0].section == "homepage" && found[0].expected.is_none());
        assert!(metadata(&package[..package.len() - 1], &said).is_err());
    }

    #[test]
    fn metadata_is_replaced_and_names_are_kept() {
        let mut bytes = component("");
        custom(&mut bytes, "authors", b"somebody else");
        custom(&mut bytes, NAMES, b"\0\x02\x01a");
        custom(&mut bytes, "producers", b"\0");
        let package = write(&bytes, WHOLE).unwrap();
        let names: Vec<_> = customs(&package).into_iter().map(|(name, _)| name).collect();
        let expected =
            ["component-name", "producers", "authors", "description", "licenses", "source", "version"];
        assert_eq!(names, [&expected[..], &[SECTION]].concat());
    }

    #[test]
    fn sections_that_are_refused_are_told_apart() {
        let whole = with(WHOLE.as_bytes());
        assert!(read(&whole).unwrap().is_some());
        let mut doubled = whole.clone();
        custom(&mut doubled, SECTION, WHOLE.as_bytes());
        assert_eq!(read(&doubled), Err(PackageError::Doubled(2)));
        assert_eq!(write(&doubled, WHOLE), Err(PackageError::Packed));
        assert_eq!(read(&with(&[b' '; MAX_MANIFEST_BYTES + 1])), Err(PackageError::TooLarge(65_537)));
        let padded = format!("{WHOLE}{}", " ".repeat(MAX_MANIFEST_BYTES - WHOLE.len()));
        assert!(read(&with(padded.as_bytes())).unwrap().is_some());
        assert!(matches!(write(&component(""), &format!("{padded} ")), Err(PackageError::TooLarge(_))));
        assert_eq!(read(&with(b"\xff")), Err(PackageError::NoText));
        assert!(matches!(read(&with(b"")), Err(PackageError::Manifest(_))));
        for (id, inner) in [(COMPONENT_ID, COMPONENT), (MODULE_ID, MODULE)] {
            let mut inner = inner.to_vec();
            custom(&mut inner, SECTION, WHOLE.as_bytes());
            let mut outer = component("");
            outer.push(id);
            length(&mut outer, inner.len());
            outer.extend(inner);
            assert_eq!(read(&outer), Err(PackageError::Nested));
            assert_eq!(write(&outer, WHOLE), Err(PackageError::Nested));
            // The outermost section is of the whole, whatever is inside.
            custom(&mut outer, SECTION, WHOLE.as_bytes());
            assert!(read(&outer).unwrap().is_some());
        }
    }

    #[test]
    fn broken_bytes_are_told_from_packages_without_a_manifest() {
        let package = with(WHOLE.as_bytes());
        for end in 0..package.len() {
            let is_whole = end == COMPONENT.len();
            assert_eq!(read(&package[..end]).is_ok(), is_whole, "{end}");
        }
        for bytes in [&b"\0asm\x01\0\0\0"[..], b"", b"#!/bin/sh"] {
            assert!(matches!(read(bytes), Err(PackageError::Broken(_))));
        }
        let mut deep = COMPONENT.to_vec();
        for _ in 0..40 {
            let inner = deep;
            deep = COMPONENT.to_vec();
            deep.push(COMPONENT_ID);
            length(&mut deep, inner.len());
            deep.extend(inner);
        }
        assert_eq!(read(&deep), Err(broken("components are nested more than 32 deep")));
        let endless = [&COMPONENT[..], &[0, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat();
        assert!(matches!(read(&endless), Err(PackageError::Broken(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Whatever a stranger makes of a package, it is read or refused; and what another
        /// reader takes for valid has its sections where they are found here.
        #[test]
        fn mutated_packages_are_read_or_refused(
            places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = write(&component("(core module) (component (core module))"), WHOLE).unwrap();
            for (place, byte) in places {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let found = read(&bytes);
            let _ = write(&bytes, WHOLE);
            // The other reader takes a component within another for whole that ends with the
            // file, before its own end; this one does not.
            let is_short = found == Err(broken("a section is longer than what it is in"));
            if !is_short && Validator::new_with_features(WasmFeatures::all()).validate_all(&bytes).is_ok() && bytes.starts_with(COMPONENT) {
                let here = Parser::new(0).parse_all(&bytes).flatten().filter(|payload| {
                    matches!(payload, Payload::CustomSection(section) if section.name() == SECTION)
                });
                let number = here.count();
                assert_eq!(matches!(found, Ok(None)), number == 0, "{found:?}");
                assert!(!matches!(found, Err(PackageError::Broken(_))), "{found:?}");
            }
        }

        /// As texts, too, manifests are read or refused.
        #[test]
        fn mutated_manifests_are_read_or_refused(
            places in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..6),
        ) {
            let mut text: Vec<char> = WHOLE.chars().collect();
            for (place, c) in places {
                let place = place.index(text.len());
                text[place] = c;
            }
            let text: String = text.into_iter().collect();
            if let Ok(manifest) = Manifest::parse(&text) {
                assert!(!manifest.description.chars().any(char::is_control));
            }
        }
    }
}
