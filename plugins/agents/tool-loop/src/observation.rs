//! What a tool gave, as the model reads it.

use std::borrow::Cow;

use lancet_sdk::shell::CommandOutput;

/// A text of at most that many characters: its first half and its last half, and between
/// them how many were left out.
pub(crate) fn cut(text: &str, most: usize) -> String {
    // Bytes are counted first, and the ends are looked for from the ends: much output is
    // looked at often.
    let characters = if text.len() <= most { 0 } else { text.chars().count() };
    if characters <= most {
        return text.to_owned();
    }
    let (before, after) = (most - most / 2, most / 2);
    let first = &text[..text.char_indices().nth(before).map_or(text.len(), |(at, _)| at)];
    let last = match after.checked_sub(1) {
        Some(back) => &text[text.char_indices().nth_back(back).map_or(0, |(at, _)| at)..],
        None => "",
    };
    let left_out = characters - most;
    format!("{first}\n[… {left_out} characters left out …]\n{last}")
}

/// What a command did.
pub(crate) fn command(output: &CommandOutput, seconds: u32, most: usize) -> String {
    let code = match output.exit_status {
        Some(status) => format!("return code: {status}"),
        None => format!("no return code: it took longer than {seconds} seconds and was ended"),
    };
    let text = both(output);
    let mut shown = if text.trim_start().is_empty() {
        format!("{code}\nno output")
    } else {
        format!("{code}\noutput:\n{}", cut(text.trim_end(), most))
    };
    if output.dropped_bytes > 0 {
        shown.push_str(&format!("\n[{} more bytes were written and not kept]", output.dropped_bytes));
    }
    shown
}

/// What a command wrote. Its outputs are one when it was started so.
pub(crate) fn both(output: &CommandOutput) -> Cow<'_, str> {
    let mut text = String::from_utf8_lossy(&output.stdout);
    if !output.stderr.is_empty() {
        text.to_mut().push_str(&String::from_utf8_lossy(&output.stderr));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(stdout: &str) -> CommandOutput {
        CommandOutput { exit_status: Some(3), stdout: stdout.into(), stderr: Vec::new(), dropped_bytes: 0 }
    }

    #[test]
    fn beginning_and_end_are_kept() {
        assert_eq!(cut("äbc", 3), "äbc");
        assert_eq!(cut("äbcdefg", 5), "äbc\n[… 2 characters left out …]\nfg");
        assert_eq!(cut("ab", 0), "\n[… 2 characters left out …]\n");
        let long = cut(&"x".repeat(20_001), 10_000);
        let left_out = "\n[… 10001 characters left out …]\n";
        assert_eq!(long, format!("{}{left_out}{}", "x".repeat(5_000), "x".repeat(5_000)));
    }

    #[test]
    fn a_command_s_end_is_told() {
        assert_eq!(command(&output("one\n"), 60, 100), "return code: 3\noutput:\none");
        assert_eq!(command(&output(" \n"), 60, 100), "return code: 3\nno output");
        let ended = CommandOutput { exit_status: None, dropped_bytes: 7, ..output("x") };
        assert_eq!(
            command(&ended, 60, 100),
            "no return code: it took longer than 60 seconds and was ended\noutput:\nx\n\
             [7 more bytes were written and not kept]"
        );
    }
}
