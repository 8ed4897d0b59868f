//! The tree of a log that only grows: RFC 6962, section 2.1.

use sha2::{Digest as _, Sha256};

use crate::error::ProofError;

/// A SHA-256, as trees are made of.
pub type Hash = [u8; 32];

/// The hash of a leaf with those bytes: of a zero and the bytes.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// The hash of a node over two others: of a one and both.
pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// A tree, of which the hashes of all leaves and of all complete subtrees are kept: 64 bytes
/// per leaf. Its root and its proofs at any earlier size are had with as many steps as the
/// tree is high, times itself.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// By height: the hashes of the complete subtrees of that height, from the first leaf on.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// A tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Adds a leaf with those bytes.
    pub fn push(&mut self, leaf: &[u8]) {
        self.push_hash(leaf_hash(leaf));
    }

    /// Adds a leaf by its hash.
    pub fn push_hash(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for height in 0.. {
            if self.levels.len() == height {
                self.levels.push(Vec::new());
            }
            let level = &mut self.levels[height];
            level.push(hash);
            match level.as_slice() {
                [.., left, right] if level.len().is_multiple_of(2) => hash = node_hash(left, right),
                _ => break,
            }
        }
    }

    /// The root over the first `size` leaves. `None` when there are not as many. That over no
    /// leaf is the SHA-256 of nothing.
    #[must_use]
    pub fn root(&self, size: u64) -> Option<Hash> {
        match size {
            0 => Some(Sha256::digest([]).into()),
            size if size <= self.size() => Some(self.subtree(0, size)),
            _ => None,
        }
    }

    /// What shows that a leaf is in the tree of the first `size` leaves: at most as many hashes
    /// as that tree is high.
    ///
    /// # Errors
    /// When there is no such leaf, or no such tree.
    pub fn inclusion(&self, leaf: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
        if size > self.size() {
            return Err(ProofError::Range(size, self.size() + 1));
        }
        if leaf >= size {
            return Err(ProofError::Range(leaf, size));
        }
        let (mut from, mut to) = (0, size);
        let mut path = Vec::new();
        while to - from > 1 {
            let middle = from + split(to - from);
            if leaf < middle {
                path.push(self.subtree(middle, to));
                to = middle;
            } else {
                path.push(self.subtree(from, middle));
                from = middle;
            }
        }
        path.reverse();
        Ok(path)
    }

    /// What shows that the tree of the first `old` leaves is the beginning of that of the first
    /// `size`. It is empty when they are the same, or the old one has no leaf.
    ///
    /// # Errors
    /// When the old one is larger, or there are not as many leaves.
    pub fn consistency(&self, old: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
        if size > self.size() {
            return Err(ProofError::Range(size, self.size() + 1));
        }
        if old > size {
            return Err(ProofError::Range(old, size + 1));
        }
        if old == 0 {
            return Ok(Vec::new());
        }
        let (mut from, mut to) = (0, size);
        let mut path = Vec::new();
        // What whoever verifies knows already, as it is the old root, is left out.
        let mut is_known = true;
        while old != to {
            let middle = from + split(to - from);
            if old <= middle {
                path.push(self.subtree(middle, to));
                to = middle;
            } else {
                path.push(self.subtree(from, middle));
                from = middle;
                is_known = false;
            }
        }
        if !is_known {
            path.push(self.subtree(from, to));
        }
        path.reverse();
        Ok(path)
    }

    /// The hash over the leaves of a range: one that begins where a subtree of its size does.
    fn subtree(&self, from: u64, to: u64) -> Hash {
        let size = to - from;
        if size.is_power_of_two() {
            let height = size.trailing_zeros();
            let at = usize::try_from(from >> height).unwrap_or(usize::MAX);
            return self.levels[height as usize][at];
        }
        let middle = from + split(size);
        node_hash(&self.subtree(from, middle), &self.subtree(middle, to))
    }
}

/// The largest power of two below a size of two at least.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The leaves of Certificate Transparency's reference test.
    pub(crate) const LEAVES: [&[u8]; 8] = [
        b"",
        b"\0",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    /// The roots over the first so many of them.
    pub(crate) const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    pub(crate) fn reference() -> Tree {
        let mut tree = Tree::new();
        LEAVES.iter().for_each(|leaf| tree.push(leaf));
        tree
    }

    pub(crate) fn hex(hash: &Hash) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The definition of RFC 6962, word for word.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(usize::try_from(split(more.len() as u64)).unwrap());
                node_hash(&defined(left), &defined(right))
            }
        }
    }

    #[test]
    fn roots_are_the_published_ones() {
        let tree = reference();
        for (size, expected) in ROOTS.iter().enumerate() {
            assert_eq!(hex(&tree.root(size as u64).unwrap()), *expected, "{size}");
        }
        assert_eq!(tree.root(9), None);
        assert_eq!(Tree::new().size(), 0);
    }

    #[test]
    fn proofs_are_the_published_ones() {
        let tree = reference();
        let shown = |hashes: Vec<Hash>| hashes.iter().map(hex).collect::<Vec<_>>();
        for (leaf, size, expected) in [
            (0, 1, &[][..]),
            (
                0,
                8,
                &[
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                5,
                8,
                &[
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
            (
                1,
                5,
                &[
                    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ] {
            assert_eq!(shown(tree.inclusion(leaf, size).unwrap()), expected, "{leaf} in {size}");
        }
        for (old, size, expected) in [
            (1, 1, &[][..]),
            (
                1,
                8,
                &[
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                6,
                8,
                &[
                    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (
                2,
                5,
                &[
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ] {
            assert_eq!(shown(tree.consistency(old, size).unwrap()), expected, "{old} in {size}");
        }
    }

    #[test]
    fn every_root_to_300_is_as_defined() {
        let leaves: Vec<Hash> = (0..300_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut tree = Tree::new();
        leaves.iter().for_each(|leaf| tree.push_hash(*leaf));
        for size in 0..=leaves.len() {
            assert_eq!(tree.root(size as u64), Some(defined(&leaves[..size])), "{size}");
        }
    }

    #[test]
    fn what_is_not_there_has_no_proof() {
        let tree = reference();
        assert_eq!(tree.inclusion(8, 8), Err(ProofError::Range(8, 8)));
        assert_eq!(tree.inclusion(0, 9), Err(ProofError::Range(9, 9)));
        assert_eq!(tree.inclusion(0, 0), Err(ProofError::Range(0, 0)));
        assert_eq!(tree.consistency(5, 4), Err(ProofError::Range(5, 5)));
        assert_eq!(tree.consistency(0, u64::MAX), Err(ProofError::Range(u64::MAX, 9)));
        assert_eq!(tree.consistency(0, 8), Ok(vec![]));
    }
}
