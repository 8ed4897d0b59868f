use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lancet_core::{KeyFrom, Rates, WireForm};
use proptest::prelude::*;

use super::*;

fn price(input: u64, output: u64) -> Price {
    let rates = Rates { input, input_cached: None, input_cache_written: None, output };
    Price { rates, above: BTreeMap::new(), as_of: "2026-11-25".into(), source: "a test".into() }
}

fn budgets(attempt: &[(BudgetUnit, u64)], run: &[(BudgetUnit, u64)]) -> Budgets {
    Budgets { attempt: attempt.iter().copied().collect(), run: run.iter().copied().collect() }
}

fn ledger(attempt: &[(BudgetUnit, u64)], run: &[(BudgetUnit, u64)]) -> Ledger<u32> {
    Ledger::new(budgets(attempt, run), Used::default(), [])
}

fn estimate(input_tokens: u64, answer_tokens: u64) -> Estimate {
    Estimate { input_tokens, most_input_tokens: input_tokens, answer_tokens }
}

fn spent(input: u64, output: u64, price: Option<&Price>) -> Spent {
    let usage = Usage { input: Some(input), output: Some(output), ..Usage::default() };
    Spent { usage, cost: price.and_then(|price| price.of(&usage)), estimated: false }
}

/// What `hold` comes to without waiting.
fn now(
    ledger: &Ledger<u32>,
    attempt: u32,
    estimate: Estimate,
    price: Option<&Price>,
) -> Option<Result<Held, ModelFailure>> {
    let mut holding = std::pin::pin!(ledger.hold(&attempt, estimate, price));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match holding.as_mut().poll(&mut context) {
        std::task::Poll::Ready(done) => Some(done),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn an_answer_is_lowered_to_what_is_left_of_the_tightest_limit() {
    let dear = price(1_000_000, 10_000_000);
    for (attempt, run, expected) in [
        (vec![], vec![], 8_000),
        (vec![(BudgetUnit::OutputTokens, 5_000)], vec![], 5_000),
        (vec![(BudgetUnit::Tokens, 5_000)], vec![], 4_000),
        // 50,000 less 1,000 for what is read, at 10 per token.
        (vec![], vec![(BudgetUnit::Microdollars, 50_000)], 4_900),
        (vec![(BudgetUnit::OutputTokens, 5_000)], vec![(BudgetUnit::Microdollars, 50_000)], 4_900),
        (vec![(BudgetUnit::Tokens, 3_000)], vec![(BudgetUnit::Microdollars, 50_000)], 2_000),
    ] {
        let ledger = ledger(&attempt, &run);
        let held = now(&ledger, 1, estimate(1_000, 8_000), Some(&dear)).unwrap().unwrap();
        assert_eq!(held.answer_tokens, expected, "{attempt:?} {run:?}");
        assert_eq!(held.amount, Spent { estimated: true, ..spent(1_000, expected, Some(&dear)) });
    }
}

#[test]
fn a_limit_that_is_reached_is_named_with_whose_it_is() {
    let dear = price(1_000_000, 10_000_000);
    for (attempt, run, expected) in [
        (vec![(BudgetUnit::Asks, 0)], vec![], "the budget is used up: of the attempt's 0 asks, 0 are used"),
        (
            vec![],
            vec![(BudgetUnit::InputTokens, 999)],
            "too little is left of the run's 999 input-tokens for an answer: 0 are used",
        ),
        (
            vec![(BudgetUnit::Tokens, 2_023)],
            vec![],
            "too little is left of the attempt's 2023 tokens for an answer: 0 are used",
        ),
        (
            vec![],
            vec![(BudgetUnit::Microdollars, 11_239)],
            "too little is left of the run's $0.011239 for an answer: $0.00 is used",
        ),
        (
            vec![(BudgetUnit::Milliseconds, 0)],
            vec![],
            "the time is over: of the attempt's 0 milliseconds, 0 have passed",
        ),
        (
            vec![(BudgetUnit::ToolCalls, 0)],
            vec![],
            "the budget is used up: of the attempt's 0 tool-calls, 0 are used",
        ),
    ] {
        let ledger = ledger(&attempt, &run);
        let failure = now(&ledger, 1, estimate(1_000, 8_000), Some(&dear)).unwrap().unwrap_err();
        assert_eq!(failure.kind, ModelFailureKind::OverBudget);
        assert_eq!(failure.message, expected);
    }
}

#[test]
fn an_answer_that_was_meant_to_be_short_needs_no_more() {
    let ledger = ledger(&[(BudgetUnit::OutputTokens, 20)], &[]);
    let held = now(&ledger, 1, estimate(1_000, 10), None).unwrap().unwrap();
    assert_eq!(held.answer_tokens, 10);
    ledger.settle(held, spent(1, 10, None), Became::Answer);
    let held = now(&ledger, 1, estimate(1_000, 10), None).unwrap().unwrap();
    ledger.settle(held, spent(1, 10, None), Became::Answer);
    assert!(now(&ledger, 1, estimate(1_000, 10), None).unwrap().is_err());
}

#[test]
fn what_is_refused_is_no_ask_and_what_is_cut_off_is_one() {
    let ledger = ledger(&[(BudgetUnit::Asks, 1)], &[]);
    let held = now(&ledger, 1, estimate(10, 2_000), None).unwrap().unwrap();
    ledger.settle(held, NOTHING, Became::Nothing);
    let held = now(&ledger, 1, estimate(10, 2_000), None).unwrap().unwrap();
    let amount = held.amount;
    ledger.settle(held, amount, Became::Nothing);
    assert_eq!(
        ledger.attempt_used(&1),
        Used { asks: 1, input_tokens: 10, output_tokens: 2_000, ..ledger.attempt_used(&1) }
    );
    assert!(now(&ledger, 1, estimate(10, 2_000), None).unwrap().is_err());
}

#[test]
fn an_answer_that_came_to_nothing_is_an_ask() {
    let ledger = ledger(&[(BudgetUnit::Asks, 1)], &[]);
    let held = now(&ledger, 1, estimate(10, 2_000), None).unwrap().unwrap();
    ledger.settle(held, NOTHING, Became::Answer);
    assert_eq!((ledger.attempt_used(&1).asks, ledger.run_used().asks), (1, 1));
    assert!(now(&ledger, 1, estimate(10, 2_000), None).unwrap().is_err());
    // And so it is made of rows.
    let mut used = Used::default();
    used.add(&NOTHING);
    used.add_answer(&NOTHING);
    assert_eq!(used, Used { asks: 1, ..Used::default() });
}

#[test]
fn writing_to_a_cache_may_be_dearer_than_reading() {
    let mut dear = price(1_000_000, 1_000_000);
    dear.rates.input_cache_written = Some(2_000_000);
    let ledger = ledger(&[(BudgetUnit::Microdollars, 4_000)], &[]);
    let held = now(&ledger, 1, estimate(1_000, 8_000), Some(&dear)).unwrap().unwrap();
    assert_eq!((held.answer_tokens, held.amount.cost), (2_000, Some(Microdollars(4_000))));
}

/// The dearest rates that may apply, of whatever tier: the number of tokens is a bound, and
/// there may be fewer.
#[test]
fn the_dearest_tier_that_may_apply_is_held() {
    let mut tiers = price(2_000_000, 10_000_000);
    let cheaper = Rates { input: 1_000_000, output: 20_000_000, ..tiers.rates };
    let dearest = Rates { input: 9_000_000, output: 90_000_000, ..tiers.rates };
    tiers.above = [(500, cheaper), (1_000, dearest)].into();
    let ledger = ledger(&[], &[]);
    let held = |input| now(&ledger, 1, estimate(input, 100), Some(&tiers)).unwrap().unwrap().amount.cost;
    assert_eq!(held(500), Some(Microdollars(500 * 2 + 100 * 10)));
    assert_eq!(held(1_000), Some(Microdollars(1_000 * 2 + 100 * 20)));
    assert_eq!(held(1_001), Some(Microdollars(1_001 * 9 + 100 * 90)));
}

/// What a conversation can have at most is held where that is limited, and else the guess.
#[test]
fn the_most_is_held_where_it_is_limited() {
    let asked = Estimate { most_input_tokens: 900, ..estimate(300, 2_000) };
    let held = |attempt: &[(BudgetUnit, u64)], run: &[(BudgetUnit, u64)]| {
        let ledger = ledger(attempt, run);
        now(&ledger, 1, asked, Some(&price(1, 1))).unwrap().unwrap().amount.usage.input
    };
    for unit in BudgetUnit::ALL {
        let most = [BudgetUnit::InputTokens, BudgetUnit::Microdollars, BudgetUnit::Tokens].contains(&unit);
        let expected = Some(if most { 900 } else { 300 });
        assert_eq!(held(&[(unit, 1_000_000)], &[]), expected, "{unit}");
        assert_eq!(held(&[], &[(unit, 1_000_000)]), expected, "{unit}");
    }
    let ledger = ledger(&[(BudgetUnit::Tokens, 2_000)], &[]);
    let asked = Estimate { most_input_tokens: 977, ..estimate(300, 2_000) };
    assert!(now(&ledger, 1, asked, None).unwrap().is_err());
}

#[test]
fn what_others_hold_is_waited_for_and_not_lowered_to() {
    let ledger = ledger(&[], &[(BudgetUnit::OutputTokens, 10_000)]);
    let first = now(&ledger, 1, estimate(0, 8_000), None).unwrap().unwrap();
    assert!(now(&ledger, 2, estimate(0, 8_000), None).is_none());
    // Dropped while it waited, nothing is held.
    assert_eq!(ledger.allowances(&2)[0].used, 8_000);
    ledger.settle(first, spent(0, 100, None), Became::Nothing);
    assert_eq!(now(&ledger, 2, estimate(0, 8_000), None).unwrap().unwrap().answer_tokens, 8_000);
}

#[tokio::test]
async fn who_waits_goes_on_when_something_is_settled_and_ends_with_the_time() {
    let ledger = Arc::new(ledger(&[(BudgetUnit::Milliseconds, 150)], &[(BudgetUnit::OutputTokens, 10_000)]));
    let first = ledger.hold(&1, estimate(0, 8_000), None).await.unwrap();
    let waiting = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move { ledger.hold(&2, estimate(0, 8_000), None).await }
    });
    tokio::task::yield_now().await;
    ledger.settle(first, NOTHING, Became::Nothing);
    waiting.await.unwrap().unwrap();

    ledger.begin(&3);
    let failure = ledger.hold(&3, estimate(0, 8_000), None).await.unwrap_err();
    assert!(
        failure.message.starts_with("the time is over: of the attempt's 150 milliseconds, 1"),
        "{failure}"
    );
}

#[test]
fn an_end_settles_what_was_dropped_under_way() {
    let ledger = ledger(&[], &[(BudgetUnit::OutputTokens, 10_000)]).numbered_from(7);
    let dropped = now(&ledger, 1, estimate(5, 2_000), None).unwrap().unwrap();
    let others = now(&ledger, 2, estimate(5, 2_000), None).unwrap().unwrap();
    assert_eq!((dropped.number, others.number), (7, 8));
    assert_eq!(ledger.end(&1), std::slice::from_ref(&dropped));
    assert_eq!(ledger.attempt_used(&1).output_tokens, 2_000);
    // Too late: it is settled.
    ledger.settle(dropped, NOTHING, Became::Nothing);
    assert_eq!(ledger.run_used().output_tokens, 2_000);
    assert!(ledger.end(&1).is_empty());
    ledger.settle(others, NOTHING, Became::Nothing);
    assert_eq!(ledger.allowances(&2)[0].used, 2_000);
}

#[test]
fn allowances_are_the_tightest_by_unit() {
    let before = Used { asks: 90, tool_calls: 4, ..Used::default() };
    let limits = budgets(
        &[(BudgetUnit::Asks, 20), (BudgetUnit::ToolCalls, 10)],
        &[(BudgetUnit::Asks, 100), (BudgetUnit::Tokens, 1_000)],
    );
    let ledger = Ledger::new(limits, before, [(1, Used { asks: 3, tool_calls: 4, ..Used::default() })]);
    ledger.tool_calls(&1, 2);
    let allowance = |unit: &str, limit, used| Allowance { unit: unit.into(), limit, used };
    let expected =
        [allowance("asks", 100, 90), allowance("tokens", 1_000, 0), allowance("tool-calls", 10, 6)];
    assert_eq!(ledger.allowances(&1), expected);
    assert_eq!(ledger.run_used().tool_calls, 6);
    let units = BudgetUnit::ALL.map(BudgetUnit::as_str);
    assert!(units.is_sorted());
}

#[test]
fn clocks_go_on_from_the_time_before() {
    let limits = budgets(&[(BudgetUnit::Milliseconds, 60_000)], &[(BudgetUnit::Milliseconds, 100_000)]);
    let millis = |milliseconds| Used { milliseconds, ..Used::default() };
    let ledger = Ledger::new(limits, millis(30_000), [(1, millis(50_000)), (2, millis(60_000))]);
    let left = |attempt: u32| {
        ledger.begin(&attempt);
        let left = ledger.deadline(&attempt).unwrap().saturating_duration_since(Instant::now());
        // What this test takes is lost.
        left.as_millis().div_ceil(1_000)
    };
    assert_eq!(left(1), 10);
    assert_eq!(left(2), 0);
    assert_eq!(left(3), 60);
    assert!(now(&ledger, 2, estimate(0, 2_000), None).unwrap().is_err());
    ledger.end(&1);
    let stopped = ledger.attempt_used(&1);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(ledger.attempt_used(&1), stopped);
    // More than a clock counts.
    let endless =
        Ledger::new(budgets(&[(BudgetUnit::Milliseconds, u64::MAX)], &[]), Used::default(), [(1, millis(0))]);
    let _ = endless.deadline(&1);
}

#[test]
fn money_is_only_limited_for_models_with_a_price() {
    let choice = |form, price| ModelChoice {
        name: "main".into(),
        form,
        id: "m-1".into(),
        base_url: String::new(),
        key: KeyFrom::None,
        effort: String::new(),
        context_tokens: None,
        answer_tokens: 1,
        tools: true,
        parameters: Vec::new(),
        price,
        concurrency: 1,
        tries: 1,
        idle_seconds: 1,
        profile: String::new(),
        script: None,
        run: None,
    };
    let money = budgets(&[], &[(BudgetUnit::Microdollars, 1)]);
    let unpriced = [choice(WireForm::Chat, Some(price(1, 1))), choice(WireForm::Responses, None)];
    let error = check(&money, &unpriced).unwrap_err();
    assert_eq!(
        error.to_string(),
        "money is limited, and no price is known of model `main` (openai/m-1): expected a `price` for it, \
         or a budget without microdollars"
    );
    check(&budgets(&[(BudgetUnit::Tokens, 1)], &[]), &unpriced).unwrap();
    check(&money, &unpriced[..1]).unwrap();
    assert!(check(&money, &[choice(WireForm::Scripted, None)]).is_err());
    check(&money, &[choice(WireForm::Recorded, None)]).unwrap();
}

#[tokio::test]
async fn a_limit_that_an_outage_reached_is_told_apart() {
    let price = price(1_000_000, 1_000_000);
    let ledger = ledger(&[(BudgetUnit::Microdollars, 5_000)], &[]);
    let held = ledger.hold(&1, estimate(100, 4_000), Some(&price)).await.unwrap();
    let amount = held.amount;
    ledger.settle(held, amount, Became::Nothing);
    let failure = ledger.hold(&1, estimate(100, 4_000), Some(&price)).await.unwrap_err();
    assert_eq!(failure.message, "too little is left of the attempt's $0.005 for an answer: $0.0041 is used");
    assert!(!ledger.is_over_by_doubt(&1, estimate(100, 4_000), Some(&price)));
    ledger.doubt(&1, &amount);
    assert!(ledger.is_over_by_doubt(&1, estimate(100, 4_000), Some(&price)));
    // It stays used, and what would not fit anyway is not in doubt.
    assert_eq!(ledger.attempt_used(&1).microdollars, 4_100);
    assert!(!ledger.is_over_by_doubt(&1, estimate(4_900, 4_000), Some(&price)));
}

/// 100 attempts on 16 threads, each with questions until the money is used up: what is
/// used never exceeds the limit, as no request comes to more than was held for it.
#[test]
fn many_at_once_keep_to_the_limit() {
    const LIMIT: u64 = 20_000_000;
    let dear = price(3_000_000, 15_000_000);
    let ledger = Arc::new(ledger(&[(BudgetUnit::Tokens, 60_000)], &[(BudgetUnit::Microdollars, LIMIT)]));
    let (paid, over) = (AtomicU64::new(0), AtomicU64::new(0));
    let attempts = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                loop {
                    let attempt = u32::try_from(attempts.fetch_add(1, Ordering::Relaxed)).unwrap();
                    if attempt >= 100 {
                        return;
                    }
                    for turn in 0.. {
                        let asked = estimate(500 + 90 * turn, 8_000);
                        match runtime.block_on(ledger.hold(&attempt, asked, Some(&dear))) {
                            Ok(held) => {
                                let part = 1 + (turn + u64::from(attempt)) % 7;
                                let real = match part {
                                    1 => NOTHING,
                                    2 => held.amount,
                                    _ => spent(500 + 80 * turn, held.answer_tokens / part, Some(&dear)),
                                };
                                std::thread::yield_now();
                                paid.fetch_add(real.cost.unwrap().0, Ordering::Relaxed);
                                ledger.settle(held, real, Became::Nothing);
                            }
                            Err(failure) => {
                                assert_eq!(failure.kind, ModelFailureKind::OverBudget);
                                over.fetch_add(
                                    u64::from(failure.message.contains("run's")),
                                    Ordering::Relaxed,
                                );
                                break;
                            }
                        }
                        let allowances = ledger.allowances(&attempt);
                        assert!(allowances.iter().all(|allowance| allowance.used <= allowance.limit));
                    }
                    assert!(ledger.end(&attempt).is_empty());
                }
            });
        }
    });
    let used = ledger.run_used();
    assert_eq!(used.microdollars, paid.load(Ordering::Relaxed));
    assert!(used.microdollars <= LIMIT, "{used:?}");
    // The limit was reached: less is left than the shortest answer would have cost.
    assert!(LIMIT - used.microdollars < 1_000_000 && over.load(Ordering::Relaxed) > 0, "{used:?}");
    let sum = (0..100).fold(Used::default(), |sum, attempt| sum.plus(&ledger.attempt_used(&attempt)));
    assert_eq!(Used { milliseconds: 0, ..sum }, Used { milliseconds: 0, ..used });
}

proptest! {
    /// Whatever is held and settled in whatever order: limits are exceeded by no more than
    /// requests came to above what was held for them, and nothing stays held at the end.
    #[test]
    fn limits_are_exceeded_by_no_more_than_estimates_were_wrong_by(
        steps in proptest::collection::vec((0_u32..4, 0_u64..5_000, 1_u64..20_000, 0_u64..30_000, any::<bool>()), 1..60),
        tokens in 0_u64..100_000,
        money in 0_u64..1_000_000,
    ) {
        let dear = price(2_000_000, 9_000_000);
        let ledger = ledger(&[(BudgetUnit::Tokens, tokens)], &[(BudgetUnit::Microdollars, money)]);
        let mut open = Vec::new();
        let (mut tokens_over, mut money_over) = ([0_u64; 4], 0_u64);
        let mut settle = |(attempt, held, output): (u32, Held, u64)| {
            let real = spent(held.amount.usage.input.unwrap(), output, Some(&dear));
            tokens_over[attempt as usize] += output.saturating_sub(held.answer_tokens);
            money_over += real.cost.unwrap().0.saturating_sub(held.amount.cost.unwrap().0);
            ledger.settle(held, real, Became::Nothing);
        };
        for (attempt, input, answer, output, at_once) in steps {
            if let Some(Ok(held)) = now(&ledger, attempt, estimate(input, answer), Some(&dear)) {
                prop_assert!(held.answer_tokens >= answer.min(LEAST_ANSWER_TOKENS));
                prop_assert!(held.answer_tokens <= answer);
                open.push((attempt, held, output));
            }
            if at_once && !open.is_empty() {
                settle(open.swap_remove(0));
            }
        }
        open.into_iter().for_each(settle);
        for attempt in 0..4 {
            let used = ledger.attempt_used(&attempt);
            prop_assert!(used.of(BudgetUnit::Tokens) <= tokens + tokens_over[attempt as usize]);
            prop_assert!(ledger.end(&attempt).is_empty());
        }
        let used = ledger.run_used();
        prop_assert!(used.microdollars <= money + money_over);
        let shown = ledger.allowances(&0);
        let shown = shown.iter().find(|allowance| allowance.unit == "microdollars").unwrap();
        prop_assert_eq!(shown.used, used.microdollars);
    }
}
