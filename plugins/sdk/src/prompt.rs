//! Renders prompts: templates in the language of Jinja. With the feature `prompt`.
//!
//! ```
//! use lancet_sdk::prompt::{Value, render};
//!
//! let text = render("{{ title }} pays {{ price }}.", [("title", "A task".into()), ("price", "$250".into())])?;
//! assert_eq!(text, "A task pays $250.");
//! # Ok::<(), lancet_sdk::prompt::Error>(())
//! ```

use std::collections::BTreeMap;

use minijinja::{Environment, UndefinedBehavior};
pub use minijinja::{Error, Value};

/// Renders a template with these variables.
///
/// A variable that is not given is an error, and nothing is escaped: what is rendered is
/// text for a model and no page. A line that has nothing but a block or a comment leaves no
/// line behind.
///
/// # Errors
/// When the template is none, or uses a variable, a filter or a function that is not there.
/// The error names the template's line.
pub fn render<'a>(
    template: &str,
    variables: impl IntoIterator<Item = (&'a str, Value)>,
) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    let variables: BTreeMap<_, _> = variables.into_iter().collect();
    environment.render_named_str("prompt", template, Value::from(variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_is_an_error_and_nothing_is_escaped() {
        let task = [("title", Value::from("<b> & {{ x }}")), ("ids", Value::from(vec![3, 5]))];
        let template = "{{ title }}\n{% for id in ids %}\n- {{ id }}\n{% endfor %}\nend\n";
        assert_eq!(render(template, task.clone()).unwrap(), "<b> & {{ x }}\n- 3\n- 5\nend");
        let error = render("one\n{{ titel }}", task).unwrap_err();
        assert_eq!(error.line(), Some(2));
    }
}
