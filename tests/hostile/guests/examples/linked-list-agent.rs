//! Drops a long linked list: a recursion that nobody wrote.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Node {
    #[expect(dead_code, reason = "so that a node is more than a pointer")]
    number: u32,
    #[expect(dead_code, reason = "what is dropped, one inside of the other")]
    next: Option<Box<Node>>,
}

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            let mut list = None;
            for number in 0..500_000 {
                list = Some(Box::new(Node { number, next: list }));
            }
            drop(std::hint::black_box(list));
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
