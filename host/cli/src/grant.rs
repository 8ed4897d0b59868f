//! `--grant`: what can be granted to whom.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};
use lancet_core::{Capability, Granter, ParseCapabilityError, Role};

/// What an operator can grant: its name on the command line, and what comes of it.
const GRANTABLE: [(&str, Role, Capability, &str); 5] = [
    (
        "answer-key",
        Role::Agent,
        Capability::AnswerKey,
        "The agent is told the answers: the run is a control, and no result",
    ),
    (
        "wasi-inert",
        Role::Agent,
        Capability::WasiInert,
        "WASI with nothing behind it, for agents whose language wants it",
    ),
    ("grader:budget", Role::Grader, Capability::Budget, "Graders see what is left of the budgets"),
    (
        "grader:model",
        Role::Grader,
        Capability::Model,
        "Graders may ask the run's models, and their verdicts say so",
    ),
    (
        "grader:wasi-inert",
        Role::Grader,
        Capability::WasiInert,
        "WASI with nothing behind it, for graders whose language wants it",
    ),
];

/// Reads the value of `--grant`, and lists what it can be in help and completions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GrantParser {
    /// A capability is the agent's, with `grader:` in front the graders'.
    Any,
    /// There are graders alone, and `grader:` may be in front.
    Graders,
}

impl TypedValueParser for GrantParser {
    type Value = (Role, Capability);

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Self::Value, Error> {
        let this = *self;
        let grant = move |text: String| this.parse(&text);
        StringValueParser::new().try_map(grant).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let named = self.listed().map(|(name, meaning)| PossibleValue::new(name).help(meaning));
        Some(Box::new(named))
    }
}

impl GrantParser {
    fn parse(self, text: &str) -> Result<(Role, Capability), String> {
        let (role, name) = match (self, text.split_once(':')) {
            (_, Some(("grader", name))) => (Role::Grader, name),
            (Self::Any, Some(("agent", name))) => (Role::Agent, name),
            (Self::Any, None) => (Role::Agent, text),
            (Self::Graders, None) => (Role::Grader, text),
            (Self::Any, Some((other, _))) => {
                return Err(format!("`{other}` is no role; expected `agent:` or `grader:`"));
            }
            (Self::Graders, Some((other, _))) => {
                return Err(format!("nothing is granted to `{other}` here; expected `grader:`"));
            }
        };
        let problem = match name.parse::<Capability>() {
            Ok(capability) => match capability.granter(role) {
                Granter::Operator => return Ok((role, capability)),
                Granter::Role => {
                    format!("`{capability}` comes with the role `{role}`: leave the option out")
                }
                Granter::Manifest => {
                    format!(
                        "`{capability}` comes with the settings of a grader's manifest: leave the option out"
                    )
                }
                Granter::Nobody => {
                    format!("nobody can grant `{capability}` to a plugin of the role `{role}`")
                }
            },
            Err(ParseCapabilityError { .. }) => {
                format!("`{}` is no capability", name.chars().take(80).collect::<String>())
            }
        };
        Err(format!("{problem}; there can be granted: {}", self.grantable()))
    }

    /// The names that can be given, and what comes of each.
    fn listed(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        GRANTABLE.into_iter().filter_map(move |(name, role, _, meaning)| match self {
            Self::Any => Some((name, meaning)),
            Self::Graders if role == Role::Grader => {
                Some((name.strip_prefix("grader:").unwrap_or(name), meaning))
            }
            Self::Graders => None,
        })
    }

    fn grantable(self) -> String {
        self.listed().map(|(name, _)| name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_name_a_role_and_a_capability() {
        let any = |text| GrantParser::Any.parse(text);
        let graders = |text| GrantParser::Graders.parse(text);
        assert_eq!(any("answer-key"), Ok((Role::Agent, Capability::AnswerKey)));
        assert_eq!(any("agent:answer-key"), Ok((Role::Agent, Capability::AnswerKey)));
        assert_eq!(any("grader:wasi-inert"), Ok((Role::Grader, Capability::WasiInert)));
        assert_eq!(graders("wasi-inert"), Ok((Role::Grader, Capability::WasiInert)));
        assert_eq!(graders("grader:wasi-inert"), Ok((Role::Grader, Capability::WasiInert)));
        assert!(any("submission").unwrap_err().contains("nobody can grant"));
        assert!(any("operator:log").unwrap_err().contains("no role"));
        assert!(any("network").unwrap_err().contains("no capability"));
        assert!(any("log").unwrap_err().contains("comes with the role"));
        assert!(graders("agent:answer-key").unwrap_err().contains("expected `grader:`"));
    }

    #[test]
    fn what_is_listed_is_what_an_operator_can_grant() {
        let granted = |role: Role| {
            let is_granted = move |capability: &Capability| capability.granter(role) == Granter::Operator;
            Capability::ALL.into_iter().filter(is_granted).map(move |capability| (role, capability))
        };
        let all: Vec<_> = granted(Role::Agent).chain(granted(Role::Grader)).collect();
        assert_eq!(GRANTABLE.map(|(_, role, capability, _)| (role, capability)).to_vec(), all);
        for (name, role, capability, _) in GRANTABLE {
            assert_eq!(GrantParser::Any.parse(name), Ok((role, capability)));
        }
        for (name, _) in GrantParser::Graders.listed() {
            assert_eq!(GrantParser::Graders.parse(name).map(|(role, _)| role), Ok(Role::Grader));
        }
    }
}
