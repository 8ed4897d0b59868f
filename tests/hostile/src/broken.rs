use std::fmt::Write as _;

/// One byte more than a component may have.
const PADDED_BYTES: usize = (64 << 20) + 1;

/// What is no component, or a strange one, made from an ordinary one.
pub(crate) fn component(name: &str, ordinary: &[u8]) -> Option<Vec<u8>> {
    let header = &ordinary[..8];
    Some(match name {
        "empty" => Vec::new(),
        "text" => b"#!/bin/sh\nexec rm -rf /\n".to_vec(),
        "magic-only" => header[..4].to_vec(),
        "header-only" => header.to_vec(),
        "random-bytes" => noise(100_000),
        "header-and-noise" => [header, &noise(100_000)].concat(),
        "core-module" => b"\0asm\x01\0\0\0".to_vec(),
        "unknown-version" => [b"\0asm\xff\xff\x01\0", &ordinary[8..]].concat(),
        "truncated" => ordinary[..ordinary.len() / 2].to_vec(),
        "truncated-by-one" => ordinary[..ordinary.len() - 1].to_vec(),
        // A custom section says that it has 4 GiB - 1, or a length of more bits
        // than a length has.
        "section-of-4-gib" => [ordinary, b"\0\xff\xff\xff\xff\x0f\x04name"].concat(),
        "section-length-overflow" => [ordinary, b"\0\xff\xff\xff\xff\xff\xff\xff\x7f"].concat(),
        // A section of core types that says that four billion follow.
        "types-of-4-gib" => [ordinary, b"\x03\x06\xff\xff\xff\xff\x0f\x50"].concat(),
        "bit-flips" => flipped(ordinary),
        "over-64-mib" => padded(ordinary, PADDED_BYTES),
        "nested-deeply" => nested(ordinary, 20_000),
        "types-exponential" => exponential(ordinary),
        _ => return None,
    })
}

/// The names of those that [`component`] makes, and what they are.
pub(crate) const DESCRIBED: [(&str, &str); 17] = [
    ("empty", "Has no bytes at all."),
    ("text", "Is a shell script."),
    ("random-bytes", "Is 100,000 bytes of noise."),
    ("magic-only", "Has the first four bytes of a component, and no more."),
    ("header-only", "Is a component without anything in it."),
    ("header-and-noise", "Is a component's header and 100,000 bytes of noise."),
    ("core-module", "Is a core module."),
    ("unknown-version", "Is a component of a version that there is not."),
    ("truncated", "Is half of a component."),
    ("truncated-by-one", "Is a component without its last byte."),
    ("section-of-4-gib", "Has a section that says it is of 4 GiB."),
    ("section-length-overflow", "Has a section whose length overflows."),
    ("types-of-4-gib", "Has a section that says it has four billion types."),
    ("bit-flips", "Is a component with bits flipped."),
    ("over-64-mib", "Is a component of one byte more than 64 MiB, most of it padding."),
    ("nested-deeply", "Carries 20,000 components, each in the next."),
    ("types-exponential", "Carries a type of 2^60 parts."),
];

/// Bytes without a pattern, the same each time (xorshift64).
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(|_| next()).collect()
}

/// One bit of every 64th byte past the header is the other way round.
fn flipped(ordinary: &[u8]) -> Vec<u8> {
    let mut bytes = ordinary.to_vec();
    for byte in bytes.iter_mut().skip(8).step_by(64) {
        *byte ^= 0x10;
    }
    bytes
}

/// Valid, with a custom section that makes it of that many bytes.
pub(crate) fn padded(ordinary: &[u8], bytes: usize) -> Vec<u8> {
    // Section 0, its length in five bytes, a name of one byte, and the padding.
    let content = bytes - ordinary.len() - 6;
    let mut padded = ordinary.to_vec();
    padded.push(0);
    for shift in [0, 7, 14, 21] {
        padded.push((content >> shift).to_le_bytes()[0] | 0x80);
    }
    padded.push((content >> 28).to_le_bytes()[0]);
    padded.extend_from_slice(b"\x01p");
    padded.resize(bytes, 0);
    padded
}

/// Carries a component in a component in a component.
fn nested(ordinary: &[u8], depth: usize) -> Vec<u8> {
    // From the outside in: every layer is a header and a section with the next.
    let mut lengths = vec![8];
    for _ in 0..depth {
        let inner = lengths[lengths.len() - 1];
        lengths.push(8 + 1 + leb128(inner).len() + inner);
    }
    let mut bytes = ordinary.to_vec();
    for length in lengths.iter().rev() {
        bytes.push(4);
        bytes.extend(leb128(*length));
        bytes.extend_from_slice(&ordinary[..8]);
    }
    bytes
}

pub(crate) fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

/// Carries a type of 2^60 parts: a pair of pairs of pairs.
fn exponential(ordinary: &[u8]) -> Vec<u8> {
    let mut text = String::from("(component (type $t0 (tuple u8 u8))\n");
    for level in 1..60 {
        writeln!(text, "(type $t{level} (tuple $t{} $t{}))", level - 1, level - 1)
            .expect("a String takes everything");
    }
    text.push(')');
    let inner = wat::parse_str(text).expect("the text is valid");
    let mut bytes = ordinary.to_vec();
    bytes.push(4);
    bytes.extend(leb128(inner.len()));
    bytes.extend(inner);
    bytes
}

#[cfg(test)]
mod tests {
    use lancet_core::Role;

    use super::*;
    use crate::{case, ordinary};

    #[test]
    fn each_has_a_case() {
        for (name, _) in DESCRIBED {
            assert!(case(name).is_some(), "{name}");
            assert!(component(name, &ordinary(Role::Agent)).is_some(), "{name}");
        }
    }

    #[test]
    fn the_padded_one_is_one_byte_too_large() {
        assert_eq!(padded(&ordinary(Role::Agent), PADDED_BYTES).len(), (64 << 20) + 1);
    }
}
