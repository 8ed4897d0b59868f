//! Where the random numbers of an attempt come from.

use crate::{Digester, TaskId};

/// The key of an attempt's random stream: 32 bytes from the run's seed, the
/// task's id and, from the second attempt on, its number. It depends on nothing
/// else, so neither order nor parallelism changes what an agent sees.
#[must_use]
pub fn attempt_seed(run_seed: u64, task: &TaskId, attempt: u32) -> [u8; 32] {
    let mut digester = Digester::new();
    digester.part(b"lancet attempt seed 1").part(&run_seed.to_le_bytes()).part(task.as_str().as_bytes());
    if attempt > 1 {
        digester.part(&attempt.to_le_bytes());
    }
    *digester.finish().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_matters() {
        let a: TaskId = "a".parse().unwrap();
        let b: TaskId = "b".parse().unwrap();
        let seeds =
            [attempt_seed(1, &a, 1), attempt_seed(2, &a, 1), attempt_seed(1, &b, 1), attempt_seed(1, &a, 2)];
        for (i, x) in seeds.iter().enumerate() {
            assert!(seeds[i + 1..].iter().all(|y| x != y));
        }
        assert_eq!(seeds[0], attempt_seed(1, &a, 1));
    }
}
