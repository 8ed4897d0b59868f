//! Where a hunk belongs, when it is not where it says.

/// Where a hunk was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The line of the file, from 0, at which its first old line is or would be.
    pub(crate) line: usize,
    /// How many lines of context before and behind were not compared.
    pub(crate) leading: usize,
    pub(crate) trailing: usize,
    /// Whether its context says so, rather than only the line that it names.
    pub(crate) is_found: bool,
}

impl Place {
    /// How far that is from the line, from 1, that the hunk names.
    pub(crate) fn drift(&self, named: usize) -> isize {
        // Both are below 2^32.
        isize::try_from(self.line + 1).unwrap_or(isize::MAX) - isize::try_from(named).unwrap_or(isize::MAX)
    }
}

/// What is known of the place of a hunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sought {
    /// How many lines of context it has before its first change and behind the last.
    pub(crate) leading: usize,
    pub(crate) trailing: usize,
    /// Whether it names line 1.
    pub(crate) is_first: bool,
    /// The line, from 0, at which it is expected.
    pub(crate) guess: usize,
    /// The first line at which it may be.
    pub(crate) min: usize,
}

impl Sought {
    /// Whether a hunk of `count` lines may be there, when all its context is compared:
    /// one with less context on a side had no more of the file on that side.
    pub(crate) fn may_be_whole_at(&self, line: usize, count: usize, lines: usize) -> bool {
        let begins = self.leading < self.trailing && self.is_first;
        let ends = self.trailing < self.leading;
        (!begins || line == 0) && (!ends || line + count == lines)
    }
}

/// The search was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

/// Finds the place for the old lines of a hunk, first with all its context, then with
/// less and less, at most `fuzz` lines less. `unknown` stands for a line that the file
/// does not have. `effort` is how many comparisons may be made, and goes down.
pub(crate) fn find(
    file: &[u32],
    hunk: &[u32],
    unknown: u32,
    sought: &Sought,
    fuzz: usize,
    effort: &mut u64,
) -> Result<Option<Place>, Exhausted> {
    let context = sought.leading.max(sought.trailing);
    for fuzz in 0..=fuzz.min(context) {
        // The side with less context is the last to lose of it.
        let less = |side: usize| (fuzz + side).checked_sub(context);
        let (leading, trailing) = (less(sought.leading), less(sought.trailing));
        let (skipped, left_out) = (leading.unwrap_or(0), trailing.unwrap_or(0));
        // Of context alone, both sides may lose more than there is.
        let compared = hunk.get(skipped..hunk.len().saturating_sub(left_out)).unwrap_or_default();
        if compared.is_empty() || compared.contains(&unknown) {
            continue;
        }
        // Lines at which the hunk's first line may be, from `min` to `max`.
        let Some(max) = (file.len() + left_out).checked_sub(hunk.len()) else { continue };
        let mut min = sought.min;
        let mut highest = max;
        if leading.is_none() && sought.is_first {
            (min, highest) = if sought.min == 0 { (0, 0) } else { continue };
        }
        if trailing.is_none() {
            min = min.max(max);
        }
        highest = highest.min(max);
        if min > highest {
            continue;
        }
        let mut fits = |line: usize| {
            let at = &file[line + skipped..line + skipped + compared.len()];
            let same = at.iter().zip(compared).take_while(|(a, b)| a == b).count();
            let cost = same as u64 + 1;
            match effort.checked_sub(cost) {
                None => Err(Exhausted),
                Some(left) => {
                    *effort = left;
                    Ok(same == compared.len())
                }
            }
        };
        let found = |line| Ok(Some(Place { line, leading: skipped, trailing: left_out, is_found: true }));
        let guess = sought.guess;
        let nearest = if guess < min { min - guess } else { guess.saturating_sub(highest) };
        let farthest = highest.abs_diff(guess).max(min.abs_diff(guess));
        for distance in nearest..=farthest {
            let below = guess.saturating_add(distance);
            if below <= highest && below >= min && fits(below)? {
                return found(below);
            }
            let above = guess.checked_sub(distance);
            if let Some(above) = above.filter(|above| distance > 0 && *above >= min && *above <= highest)
                && fits(above)?
            {
                return found(above);
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(guess: usize) -> Sought {
        Sought { leading: 1, trailing: 1, is_first: false, guess, min: 0 }
    }

    fn line(file: &[u32], hunk: &[u32], sought: &Sought) -> Option<(usize, usize)> {
        find(file, hunk, 99, sought, 2, &mut 1_000).unwrap().map(|place| (place.line, place.leading))
    }

    #[test]
    fn the_nearest_place_wins_and_of_two_the_one_below() {
        let file = [1, 2, 3, 0, 0, 1, 2, 3];
        assert_eq!(line(&file, &[1, 2, 3], &sought(0)), Some((0, 0)));
        assert_eq!(line(&file, &[1, 2, 3], &sought(2)), Some((0, 0)));
        assert_eq!(line(&file, &[1, 2, 3], &sought(3)), Some((5, 0)));
        assert_eq!(line(&file, &[1, 2, 3], &sought(1_000)), Some((5, 0)));
        let file = [1, 2, 3, 0, 1, 2, 3];
        assert_eq!(line(&file, &[1, 2, 3], &sought(2)), Some((4, 0)));
        assert_eq!(line(&file, &[1, 2, 3], &Sought { min: 1, ..sought(0) }), Some((4, 0)));
    }

    #[test]
    fn context_is_given_up_last_and_never_all() {
        let file = [1, 2, 3, 0, 0, 7, 2, 8];
        assert_eq!(line(&file, &[1, 2, 3], &sought(5)), Some((0, 0)));
        assert_eq!(line(&file, &[99, 2, 99], &sought(5)), Some((5, 1)));
        assert_eq!(line(&file, &[1, 99, 3], &sought(0)), None);
        // Only context, of which nothing would be left.
        assert_eq!(line(&file, &[99, 99], &sought(0)), None);
        for count in 1..=3 {
            let sought = Sought { leading: count, trailing: count, ..sought(5) };
            assert_eq!(line(&file, &vec![99; count], &sought), None);
        }
    }

    #[test]
    fn what_has_less_context_on_a_side_is_where_the_file_ends() {
        let file = [1, 2, 1, 2, 3];
        let first = Sought { leading: 0, trailing: 1, is_first: true, guess: 2, min: 0 };
        assert_eq!(line(&file, &[1, 2], &first), Some((0, 0)));
        let last = Sought { leading: 1, trailing: 0, is_first: false, guess: 0, min: 0 };
        assert_eq!(line(&file, &[2, 3], &last), Some((3, 0)));
        let elsewhere = Sought { leading: 3, trailing: 0, ..last };
        assert_eq!(line(&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4], &elsewhere), None);
    }

    #[test]
    fn the_search_is_bounded() {
        let file = [1; 1_000];
        let mut effort = 1_000;
        let hunk = [vec![1; 50], vec![2]].concat();
        assert_eq!(find(&file, &hunk, 99, &sought(0), 0, &mut effort), Err(Exhausted));
    }
}
