//! Whether a proof shows what it is to show: RFC 9162, sections 2.1.3.2 and 2.1.4.2, for
//! whoever has no more of a log than roots.

use sha2::{Digest as _, Sha256};

use crate::error::ProofError;
use crate::tree::{Hash, node_hash};

/// Whether a leaf with that hash is at that place, from 0, in the tree of that size and root.
///
/// # Errors
/// What of the proof does not lead there.
pub fn verify_inclusion(
    leaf: &Hash,
    place: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if place >= size {
        return Err(ProofError::Range(place, size));
    }
    // Above where the ways to this leaf and to the last one part, every step has a hash;
    // above that there is one wherever the way to this leaf goes to the right.
    let below = (u64::BITS - (place ^ (size - 1)).leading_zeros()) as usize;
    let above =
        place.checked_shr(u32::try_from(below).unwrap_or(u32::MAX)).unwrap_or(0).count_ones() as usize;
    expect_length(proof, below + above)?;
    let mut hash = *leaf;
    for (step, other) in proof.iter().enumerate() {
        let is_right = step >= below || (place >> step) & 1 == 1;
        hash = if is_right { node_hash(other, &hash) } else { node_hash(&hash, other) };
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Whether the tree of `old` leaves with one root is the beginning of that of `size` leaves
/// with another. A tree without leaves is the beginning of every tree.
///
/// # Errors
/// What of the proof does not lead there.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > size {
        return Err(ProofError::Range(old, size.saturating_add(1)));
    }
    if old == 0 {
        expect_length(proof, 0)?;
        let empty: Hash = Sha256::digest([]).into();
        let is_root = *old_root == empty && (size > 0 || *root == empty);
        return if is_root { Ok(()) } else { Err(ProofError::Root) };
    }
    if old == size {
        expect_length(proof, 0)?;
        return if old_root == root { Ok(()) } else { Err(ProofError::Root) };
    }
    // Up to the largest subtree that ends the old tree: it begins the proof, unless it is all
    // of the old tree, and then its root is known.
    let skipped = old.trailing_zeros() as usize;
    let (place, last) = ((old - 1) >> skipped, (size - 1) >> skipped);
    let below = (u64::BITS - (place ^ last).leading_zeros()) as usize;
    let above =
        place.checked_shr(u32::try_from(below).unwrap_or(u32::MAX)).unwrap_or(0).count_ones() as usize;
    let is_whole = old.is_power_of_two();
    expect_length(proof, below + above + usize::from(!is_whole))?;
    let (first, rest) = match proof.split_first() {
        Some((first, rest)) if !is_whole => (first, rest),
        _ => (old_root, proof),
    };
    let (mut old_hash, mut hash) = (*first, *first);
    for (step, other) in rest.iter().enumerate() {
        if step >= below || (place >> step) & 1 == 1 {
            old_hash = node_hash(other, &old_hash);
            hash = node_hash(other, &hash);
        } else {
            hash = node_hash(&hash, other);
        }
    }
    if old_hash == *old_root && hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

fn expect_length(proof: &[Hash], expected: usize) -> Result<(), ProofError> {
    let found = proof.len();
    if found == expected { Ok(()) } else { Err(ProofError::Length { found, expected }) }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::tree::{Tree, leaf_hash};

    const MOST: u64 = 300;

    static TREE: LazyLock<Tree> = LazyLock::new(|| {
        let mut tree = Tree::new();
        (0..MOST).for_each(|n| tree.push(&n.to_be_bytes()));
        tree
    });

    fn index(n: u64) -> usize {
        usize::try_from(n).unwrap()
    }

    fn leaf(n: u64) -> Hash {
        leaf_hash(&n.to_be_bytes())
    }

    #[test]
    fn every_leaf_of_every_size_to_300_is_shown_and_no_other_place_of_it() {
        let tree = &*TREE;
        for size in 1..=MOST {
            let root = tree.root(size).unwrap();
            for place in 0..size {
                let proof = tree.inclusion(place, size).unwrap();
                assert_eq!(verify_inclusion(&leaf(place), place, size, &root, &proof), Ok(()));
                assert!(proof.len() <= 9, "300 leaves are 9 high");
                for other in [place ^ 1, size - 1 - place] {
                    let shown = verify_inclusion(&leaf(place), other, size, &root, &proof);
                    assert!(other == place || shown.is_err(), "{place} as {other} of {size}");
                }
                assert!(verify_inclusion(&leaf(place + 1), place, size, &root, &proof).is_err());
            }
        }
    }

    #[test]
    fn every_pair_of_sizes_to_300_is_consistent_and_no_other_root_is() {
        let tree = &*TREE;
        let roots: Vec<Hash> = (0..=MOST).map(|size| tree.root(size).unwrap()).collect();
        for size in 0..=MOST {
            let root = &roots[index(size)];
            for old in 0..=size {
                let old_root = &roots[index(old)];
                let proof = tree.consistency(old, size).unwrap();
                assert_eq!(verify_consistency(old, old_root, size, root, &proof), Ok(()), "{old} in {size}");
                let other = &roots[(index(old) + 1) % roots.len()];
                assert!(verify_consistency(old, other, size, root, &proof).is_err(), "{old} in {size}");
                // Nothing shows anything of the new root where the old tree is empty.
                let other = leaf(size);
                let shown = verify_consistency(old, old_root, size, &other, &proof);
                assert!((old == 0 && size > 0) || shown.is_err(), "{old} in {size}");
                if old > 1 && old < size {
                    assert!(verify_consistency(old - 1, old_root, size, root, &proof).is_err());
                    assert!(verify_consistency(old, old_root, size + MOST, root, &proof).is_err());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_proof_that_was_changed_anywhere_shows_nothing(
            size in 2_u64..=MOST, place in 0_u64..MOST, at in any::<prop::sample::Index>(), bit in 0_u32..256, more in any::<Hash>(),
        ) {
            let (tree, place) = (&*TREE, place % size);
            let (root, old) = (tree.root(size).unwrap(), place.max(1));
            let old_root = tree.root(old).unwrap();
            for is_inclusion in [true, false] {
                let proof = if is_inclusion { tree.inclusion(place, size) } else { tree.consistency(old, size) };
                let proof = proof.unwrap();
                let shows = |proof: &[Hash]| if is_inclusion {
                    verify_inclusion(&leaf(place), place, size, &root, proof).is_ok()
                } else {
                    verify_consistency(old, &old_root, size, &root, proof).is_ok()
                };
                prop_assert!(shows(&proof));
                let at = at.index(proof.len());
                let mut changed = proof.clone();
                changed[at][bit as usize / 8] ^= 1 << (bit % 8);
                prop_assert!(!shows(&changed));
                let mut without = proof.clone();
                without.remove(at);
                prop_assert!(!shows(&without));
                let mut with = proof.clone();
                with.insert(at, more);
                prop_assert!(!shows(&with));
            }
        }

        #[test]
        fn whatever_comes_is_answered(
            place in any::<u64>(), size in any::<u64>(), root in any::<Hash>(), other in any::<Hash>(),
            proof in prop::collection::vec(any::<Hash>(), 0..130),
        ) {
            prop_assert!(verify_inclusion(&other, place, size, &root, &proof).is_err());
            if place != 0 {
                prop_assert!(verify_consistency(place, &other, size, &root, &proof).is_err());
            }
        }
    }
}
