use lancet_core::{Fault, FaultKind, Request, Response};
use rand_chacha::rand_core::Rng;
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::exchange::Live;
use crate::state::{self, FaultTrap, State};

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("next-u64", |store: StoreContextMut<'_, State>, (): ()| {
        let draw = |live: &mut Live| Ok(Response::Number(live.random.next_u64()));
        match state::call(store, 0, |_| Request::RandomNext, draw)? {
            Response::Number(number) => Ok((number,)),
            _ => Err(state::mismatched("random.next-u64")),
        }
    })?;
    instance.func_wrap("below", |store: StoreContextMut<'_, State>, (bound,): (u64,)| {
        if bound == 0 {
            let fault = Fault::new(FaultKind::Trap, "random.below(0): there is no number below 0");
            return Err(wasmtime::Error::from(FaultTrap(fault)));
        }
        let draw = |live: &mut Live| Ok(Response::Number(below(&mut live.random, bound)));
        match state::call(store, 0, |_| Request::RandomBelow { bound }, draw)? {
            Response::Number(number) => Ok((number,)),
            _ => Err(state::mismatched("random.below")),
        }
    })
}

/// A number below `bound`, which is not 0, each as likely as the next: numbers
/// of the last, incomplete stretch of 64 bits are drawn again.
fn below(random: &mut impl Rng, bound: u64) -> u64 {
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
