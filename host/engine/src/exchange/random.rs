//! The stream of random numbers behind `random`.

use rand_chacha::rand_core::Rng;

/// A number below `bound`, which is not 0, each as likely as the next: numbers
/// of the last, incomplete stretch of 64 bits are drawn again.
pub(super) fn below(random: &mut impl Rng, bound: u64) -> u64 {
    let excess = (u64::MAX % bound + 1) % bound;
    loop {
        let number = random.next_u64();
        if number <= u64::MAX - excess {
            return number % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn numbers_are_below_and_even() {
        let mut random = ChaCha8Rng::from_seed([7; 32]);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[usize::try_from(below(&mut random, 6)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|n| (9_600..10_400).contains(n)), "{counts:?}");
        assert_eq!(below(&mut random, 1), 0);
        let _ = below(&mut random, u64::MAX);
        let _ = below(&mut random, (1 << 63) + 1);
    }
}
