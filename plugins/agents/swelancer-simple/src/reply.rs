//! What a reply asks for.

/// What a reply asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply<'a> {
    /// The user is to try the app.
    UserTool,
    /// The work is over.
    Done,
    /// This code is to be run.
    Code(&'a str),
    /// Nothing that is known.
    Lost,
}

/// Reads a reply, in the order of the reference.
pub(crate) fn read(text: &str) -> Reply<'_> {
    if text.contains("<user-tool>") {
        Reply::UserTool
    } else if text.trim().eq_ignore_ascii_case("done") {
        Reply::Done
    } else {
        code(text).map_or(Reply::Lost, Reply::Code)
    }
}

/// The first fenced block of `python`.
fn code(text: &str) -> Option<&str> {
    text.match_indices("```python").find_map(|(at, fence)| {
        let (rest, block) = text[at + fence.len()..].split_once('\n')?;
        let end = block.find("```")?;
        rest.trim().is_empty().then_some(&block[..end])
    })
}

/// The command that runs code with `python -c`. Between single quotation marks a shell
/// changes nothing.
pub(crate) fn command(code: &str) -> String {
    let quoted = code.replace('\'', r"'\''");
    format!("exec 2>&1; exec \"$(command -v python || command -v python3 || echo python)\" -c '{quoted}'")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_reply_is_read_in_the_reference_s_order() {
        let block = "```python\nprint(1)\n```";
        assert_eq!(read(&format!("done <user-tool> {block}")), Reply::UserTool);
        assert_eq!(read(" DONE\n"), Reply::Done);
        assert_eq!(read("Done."), Reply::Lost);
        assert_eq!(read(&format!("done\n{block}\n```python\nprint(2)\n```")), Reply::Code("print(1)\n"));
        for lost in ["", "```\nls\n```", "```python\nprint(1)", "```python3\nx\n```", "```python x```"] {
            assert_eq!(read(lost), Reply::Lost, "{lost}");
        }
        assert_eq!(read("```pythonic\nx\n```\n```python \r\ny\n```"), Reply::Code("y\n"));
        assert_eq!(read("```python\n```"), Reply::Code(""));
    }

    #[test]
    fn code_reaches_python_as_it_is() {
        let code =
            "import sys\ns = '''a'b\"c $HOME `id` \\n é'''\nprint(s, \"'\", '\"')\nsys.stderr.write('!')\n";
        let run = |program: &str, arguments: &[&str]| Command::new(program).args(arguments).output();
        let Ok(python) = run("python3", &["-c", code]) else { return };
        let shell = run("sh", &["-c", &command(code)]).unwrap();
        let mut expected = python.stdout;
        expected.extend(python.stderr);
        let mut seen = shell.stdout;
        assert!(shell.stderr.is_empty() && shell.status.success());
        // Python writes what it has buffered at its end.
        seen.sort_unstable();
        expected.sort_unstable();
        assert_eq!(seen, expected);
        assert!(
            String::from_utf8(run("sh", &["-c", &command(code)]).unwrap().stdout)
                .unwrap()
                .contains("$HOME `id` \n é")
        );
    }
}
