//! Who may use the engine's machine, and who has to wait: attempts are admitted when
//! processors and memory for all of their containers are free.

use std::sync::Arc;

use lancet_core::{Environment, InfraFault, InfraFaultKind, Plan, Resources};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::{Docker, DockerOptions, EngineInfo};

/// Memory is counted in MiB: permits are 32-bit numbers.
const MIB: u64 = 1 << 20;

/// Who may use the engine's machine, and who has to wait. Of this process only: a
/// second process on the same engine is not counted.
pub(crate) struct Queue {
    /// Held by whoever is next. tokio's mutex is fair, so attempts are admitted in
    /// the order in which they came, and only one of them is ever holding a part of
    /// what it needs: nobody can wait for each other.
    turn: Mutex<()>,
    cpu_millis: Arc<Semaphore>,
    memory_mib: Arc<Semaphore>,
    total_cpu_millis: u32,
    total_memory_mib: u32,
    ceiling: Resources,
}

/// An attempt's share of the machine, for all of its containers together. Given
/// back when dropped.
#[derive(Debug)]
#[must_use = "the share is given back when this is dropped"]
pub struct Admission {
    processors: OwnedSemaphorePermit,
    _memory: OwnedSemaphorePermit,
}

impl Queue {
    pub(crate) fn new(info: &EngineInfo, options: &DockerOptions) -> Self {
        let memory = info.memory_bytes.saturating_sub(options.reserve_bytes) / MIB;
        let total_memory_mib = u32::try_from(memory).unwrap_or(u32::MAX);
        let permits = |count: u32| Arc::new(Semaphore::new(usize::try_from(count).unwrap_or(usize::MAX)));
        Self {
            turn: Mutex::new(()),
            cpu_millis: permits(info.cpu_millis),
            memory_mib: permits(total_memory_mib),
            total_cpu_millis: info.cpu_millis,
            total_memory_mib,
            ceiling: options.ceiling,
        }
    }

    /// What all of it comes to: thousandths of processors and MiB.
    fn sum(&self, wanted: &[Resources]) -> Result<(u32, u32), InfraFault> {
        let (mut cpu, mut memory) = (0_u32, 0_u64);
        for one in wanted {
            if let Some(excess) = excess(one, &self.ceiling) {
                return Err(exceeded(excess));
            }
            if one.cpu_millis > self.total_cpu_millis {
                return Err(exceeded(format!(
                    "{} thousandths of a processor are asked for, the machine has {}",
                    one.cpu_millis, self.total_cpu_millis
                )));
            }
            cpu = cpu.saturating_add(one.cpu_millis);
            memory = memory.saturating_add(one.memory_bytes.div_ceil(MIB));
        }
        match u32::try_from(memory) {
            Ok(memory) if memory <= self.total_memory_mib => Ok((cpu.min(self.total_cpu_millis), memory)),
            _ => Err(exceeded(format!(
                "{memory} MiB of memory are asked for, the machine has {} MiB to give",
                self.total_memory_mib
            ))),
        }
    }

    async fn admit(&self, wanted: &[Resources]) -> Result<Admission, InfraFault> {
        let (cpu, memory) = self.sum(wanted)?;
        let _turn = self.turn.lock().await;
        let memory = self.memory(memory).await?;
        let processors = self.processors(cpu).await?;
        Ok(Admission { processors, _memory: memory })
    }

    /// For a container that is to be paused now and then, and others that run while
    /// it is: processors for itself, and memory for all of them. What the machine does
    /// not have for all at once it has to have for each, and nobody else is admitted.
    async fn admit_paused(&self, own: Resources, others: &[Resources]) -> Result<Admission, InfraFault> {
        let (cpu, memory) = self.sum(&[own])?;
        let (_, more) = self.sum(others)?;
        let _turn = self.turn.lock().await;
        let memory = self.memory(memory.saturating_add(more).min(self.total_memory_mib)).await?;
        let processors = self.processors(cpu).await?;
        Ok(Admission { processors, _memory: memory })
    }

    /// Processors come after memory, and nobody waits for memory who has processors:
    /// so they can be given back and asked for again by who keeps its memory.
    async fn processors(&self, millis: u32) -> Result<OwnedSemaphorePermit, InfraFault> {
        Arc::clone(&self.cpu_millis).acquire_many_owned(millis).await.map_err(|_| closed())
    }

    /// Does something with processors for `others` in the place of those that were
    /// admitted, which come back after it.
    async fn in_place<T>(
        &self,
        admission: &mut Admission,
        others: &[Resources],
        work: impl Future<Output = T>,
    ) -> Result<T, InfraFault> {
        let (cpu, _) = self.sum(others)?;
        let own = admission.processors.num_permits();
        drop(admission.processors.split(own));
        let result = {
            let _processors = self.processors(cpu).await?;
            work.await
        };
        let own = u32::try_from(own).unwrap_or(u32::MAX);
        admission.processors.merge(self.processors(own).await?);
        Ok(result)
    }

    async fn memory(&self, mib: u32) -> Result<OwnedSemaphorePermit, InfraFault> {
        Arc::clone(&self.memory_mib).acquire_many_owned(mib).await.map_err(|_| closed())
    }
}

impl Docker {
    /// Waits until processors and memory for all of an attempt's containers are
    /// free, first come, first served. Containers that together want more processors
    /// than the machine has are admitted when nobody else is, and share them.
    ///
    /// # Errors
    /// [`InfraFaultKind::ResourcesExceeded`] when one of them is above the operator's
    /// ceiling, or all of them above what the machine has: waiting would not help.
    pub async fn admit(&self, wanted: &[Resources]) -> Result<Admission, InfraFault> {
        self.queue().admit(wanted).await
    }

    /// As [`Docker::admit`], for a container that is paused while `others` run.
    pub(crate) async fn admit_paused(
        &self,
        own: Resources,
        others: &[Resources],
    ) -> Result<Admission, InfraFault> {
        self.queue().admit_paused(own, others).await
    }

    /// See [`Queue::in_place`].
    pub(crate) async fn in_place<T>(
        &self,
        admission: &mut Admission,
        others: &[Resources],
        work: impl Future<Output = T>,
    ) -> Result<T, InfraFault> {
        self.queue().in_place(admission, others, work).await
    }
}

/// What the containers of a plan's run may use.
pub(crate) fn containers(environment: &Environment, plan: &Plan) -> Vec<Resources> {
    std::iter::once(environment.resources).chain(plan.isolation.driver_resources()).collect()
}

fn closed() -> InfraFault {
    InfraFault::new(InfraFaultKind::DockerError, "the queue for the engine was closed")
}

fn exceeded(message: String) -> InfraFault {
    InfraFault::new(InfraFaultKind::ResourcesExceeded, message)
}

/// What is above the ceiling, in words.
pub(crate) fn excess(wanted: &Resources, ceiling: &Resources) -> Option<String> {
    [
        ("thousandths of a processor", u64::from(wanted.cpu_millis), u64::from(ceiling.cpu_millis)),
        ("bytes of memory", wanted.memory_bytes, ceiling.memory_bytes),
        ("processes", u64::from(wanted.pids), u64::from(ceiling.pids)),
        ("bytes of disk", wanted.disk_bytes, ceiling.disk_bytes),
        ("bytes of shared memory", wanted.shm_bytes, ceiling.shm_bytes),
    ]
    .into_iter()
    .find(|(_, wanted, ceiling)| wanted > ceiling)
    .map(|(what, wanted, ceiling)| format!("{wanted} {what} are asked for, the operator allows {ceiling}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn queue(cpu_millis: u32, memory_bytes: u64) -> Queue {
        let info = EngineInfo {
            version: String::new(),
            api: String::new(),
            architecture: String::new(),
            cpu_millis,
            memory_bytes,
            storage_driver: String::new(),
            native_diff: true,
            disk_quota: false,
            runtimes: Vec::new(),
            live_restore: false,
            remapped: false,
            cgroup_version: String::new(),
            warnings: Vec::new(),
        };
        Queue::new(&info, &DockerOptions { reserve_bytes: 0, ..DockerOptions::default() })
    }

    fn want(cpu_millis: u32, memory_bytes: u64) -> Resources {
        Resources { cpu_millis, memory_bytes, ..Resources::standard() }
    }

    #[tokio::test]
    async fn what_never_fits_is_refused_at_once() {
        let queue = queue(2_000, 4 << 30);
        for wanted in [
            vec![want(2_001, 1 << 20)],
            vec![want(1_000, 5 << 30)],
            vec![want(1_000, 3 << 30), want(1_000, 2 << 30)],
            vec![want(1_000, u64::MAX)],
            vec![Resources { pids: u32::MAX, ..Resources::standard() }],
            vec![Resources { disk_bytes: u64::MAX, ..Resources::standard() }],
        ] {
            let fault = queue.admit(&wanted).await.unwrap_err();
            assert_eq!(fault.kind, InfraFaultKind::ResourcesExceeded, "{wanted:?}");
        }
    }

    #[tokio::test]
    async fn processors_are_shared_by_the_containers_of_one_attempt() {
        let queue = queue(1_000, 4 << 30);
        let admission = queue.admit(&[want(1_000, 1 << 30), want(1_000, 1 << 30)]).await.unwrap();
        assert_eq!(queue.cpu_millis.available_permits(), 0);
        drop(admission);
        assert_eq!(queue.cpu_millis.available_permits(), 1_000);
        assert_eq!(queue.memory_mib.available_permits(), 4_096);
    }

    #[tokio::test]
    async fn who_is_paused_waits_for_nobody_who_waits_for_it() {
        let queue = Arc::new(queue(2_000, 4 << 30));
        let (own, others) = (want(1_000, 1 << 30), [want(1_000, 512 << 20), want(2_000, 512 << 20)]);
        // Two have all processors and all memory, and a third one wants some.
        let first = queue.admit_paused(own, &others).await.unwrap();
        let second = queue.admit_paused(own, &others).await.unwrap();
        assert_eq!((queue.cpu_millis.available_permits(), queue.memory_mib.available_permits()), (0, 0));
        let third = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.admit(&[want(2_000, 1 << 30)]).await.map(drop) }
        });
        tokio::task::yield_now().await;
        let turns = [first, second].map(|mut admission| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                for _ in 0..10 {
                    let free = async { queue.cpu_millis.available_permits() };
                    assert_eq!(queue.in_place(&mut admission, &others, free).await.unwrap(), 0);
                    tokio::task::yield_now().await;
                }
            })
        });
        for turn in turns {
            turn.await.unwrap();
        }
        third.await.unwrap().unwrap();
        assert_eq!(queue.cpu_millis.available_permits(), 2_000);
        // More than there is in all is as much as there is.
        let all = queue.admit_paused(want(1_000, 3 << 30), &[want(1_000, 3 << 30)]).await.unwrap();
        assert_eq!(queue.memory_mib.available_permits(), 0);
        drop(all);
        assert!(queue.admit_paused(own, &[want(1_000, 5 << 30)]).await.is_err());
    }

    #[tokio::test]
    async fn those_who_gave_up_hold_nothing() {
        let queue = queue(1_000, 4 << 30);
        let first = queue.admit(&[want(1_000, 1 << 30)]).await.unwrap();
        {
            let wanted = [want(1_000, 1 << 30)];
            let mut waiting = std::pin::pin!(queue.admit(&wanted));
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        }
        drop(first);
        let _second = queue.admit(&[want(1_000, 4 << 30)]).await.unwrap();
    }

    #[tokio::test]
    async fn a_large_attempt_is_not_overtaken_by_small_ones() {
        let queue = Arc::new(queue(1_000, 4 << 30));
        let order = Arc::new(StdMutex::new(Vec::new()));
        let first = queue.admit(&[want(500, 1 << 30)]).await.unwrap();
        let mut tasks = Vec::new();
        for (name, memory) in [("large", 4_u64 << 30), ("small", 1 << 30), ("small too", 1 << 30)] {
            let (theirs, seen) = (Arc::clone(&queue), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _admission = theirs.admit(&[want(100, memory)]).await.unwrap();
                seen.lock().unwrap().push(name);
                tokio::task::yield_now().await;
            }));
            tokio::task::yield_now().await;
        }
        assert!(order.lock().unwrap().is_empty());
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["large", "small", "small too"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_machine_is_never_overloaded() {
        let queue = Arc::new(queue(2_000, 4 << 30));
        let (used, tasks) = (Arc::new(AtomicU64::new(0)), 200);
        let tasks: Vec<_> = (0..tasks)
            .map(|number: u32| {
                let (queue, used) = (Arc::clone(&queue), Arc::clone(&used));
                tokio::spawn(async move {
                    let cpu = 100 + number % 19 * 100;
                    let admission = queue.admit(&[want(cpu, 64 << 20)]).await.unwrap();
                    let now = used.fetch_add(u64::from(cpu), Ordering::SeqCst) + u64::from(cpu);
                    assert!(now <= 2_000, "{now}");
                    tokio::task::yield_now().await;
                    used.fetch_sub(u64::from(cpu), Ordering::SeqCst);
                    drop(admission);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
}
