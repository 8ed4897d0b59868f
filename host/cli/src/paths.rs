//! Where things are kept that the operator gives no place for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// What the name of a file with a signature ends with.
pub(crate) const SIGNATURE_END: &str = ".sigstore.json";

/// Where runs are kept, unless an option says otherwise: `$LANCET_STORE`, or
/// `$XDG_DATA_HOME/lancet`, as the XDG Base Directory Specification has it. A variable that is
/// empty counts as one that is not set.
pub(crate) fn store() -> Result<PathBuf, Failure> {
    if let Some(folder) = std::env::var_os("LANCET_STORE").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder));
    }
    base("XDG_DATA_HOME", ".local/share").map(|base| base.join("lancet")).ok_or_else(|| {
        Failure::usage(no_folder("the store", "XDG_DATA_HOME"))
            .hint("name one with `--store FOLDER`, or in `LANCET_STORE`")
    })
}

/// Where plugins are kept that were added: `$XDG_DATA_HOME/lancet/plugins`.
pub(crate) fn plugins() -> Result<PathBuf, Failure> {
    base("XDG_DATA_HOME", ".local/share").map(|base| base.join("lancet/plugins")).ok_or_else(|| {
        Failure::usage(no_folder("plugins", "XDG_DATA_HOME"))
            .hint("`lancet plugin pull REF --output FILE` puts one where you say")
    })
}

/// Where the signature of a file or a folder lies.
pub(crate) fn signature(path: &Path) -> Result<PathBuf, Failure> {
    let whole;
    let path: &Path = if path.file_name().is_some() {
        path
    } else {
        // `.`, and what ends with `..`.
        whole = path.canonicalize().map_err(|error| Failure::file("find", path, &error))?;
        &whole
    };
    match path.file_name() {
        Some(name) => {
            let mut name = name.to_owned();
            name.push(SIGNATURE_END);
            Ok(path.with_file_name(name))
        }
        None => Err(Failure::usage(format!("`{}` has no name", path.display()))
            .hint("name the file with the signature with `--output` or `--bundle`")),
    }
}

/// Where keys are kept: `$LANCET_KEYS`, or `$XDG_CONFIG_HOME/lancet/keys`. Not beside the runs,
/// which are given to others.
pub(crate) fn keys() -> Result<PathBuf, Failure> {
    if let Some(folder) = std::env::var_os("LANCET_KEYS").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder));
    }
    base("XDG_CONFIG_HOME", ".config")
        .map(|base| base.join("lancet/keys"))
        .ok_or_else(|| Failure::usage(no_folder("keys", "XDG_CONFIG_HOME")).hint("name one in `LANCET_KEYS`"))
}

/// The folder of the operator's configuration: `$XDG_CONFIG_HOME/lancet`. `None` when there is no
/// such place.
pub(crate) fn configuration() -> Option<PathBuf> {
    base("XDG_CONFIG_HOME", ".config").map(|base| base.join("lancet"))
}

/// Where compiled code is kept: `$LANCET_CACHE`, or `$XDG_CACHE_HOME/lancet`.
/// `None` when there is no such place, and then everything is compiled anew.
pub(crate) fn cache() -> Option<PathBuf> {
    let root = match std::env::var_os("LANCET_CACHE") {
        Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder)),
        _ => base("XDG_CACHE_HOME", ".cache").map(|base| base.join("lancet")),
    };
    root.map(|root| root.join("compiled"))
}

fn base(variable: &str, under_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(under_home)))
}

/// Why there is no folder for something below `variable`, nor below `HOME`.
pub(crate) fn no_folder(what: &str, variable: &str) -> String {
    no_folder_in(what, [variable, "HOME"].map(|name| (name, std::env::var_os(name))))
}

/// The same, with what the variables are, of which none is an absolute path.
fn no_folder_in(what: &str, variables: [(&str, Option<OsString>); 2]) -> String {
    let variables = variables.map(|(name, value)| (name, value.filter(|value| !value.is_empty())));
    if let [(one, None), (other, None)] = &variables {
        return format!("there is no folder for {what}: neither `{one}` nor `{other}` is set");
    }
    let said = variables.map(|(name, value)| match value {
        Some(value) => format!("`{name}` is `{}`, and has to be an absolute path", value.to_string_lossy()),
        None => format!("`{name}` is not set"),
    });
    format!("there is no folder for {what}: {}", said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_home_is_told_as_that() {
        let told = |values: [Option<&str>; 2]| {
            let [one, other] = values.map(|value| value.map(OsString::from));
            no_folder_in("keys", [("XDG_CONFIG_HOME", one), ("HOME", other)])
        };
        let none = "there is no folder for keys: neither `XDG_CONFIG_HOME` nor `HOME` is set";
        assert_eq!(told([None, None]), none);
        assert_eq!(told([Some(""), None]), none);
        assert_eq!(
            told([None, Some("rel")]),
            "there is no folder for keys: `XDG_CONFIG_HOME` is not set; `HOME` is `rel`, and has to be an absolute path"
        );
        assert_eq!(
            told([Some("."), None]),
            "there is no folder for keys: `XDG_CONFIG_HOME` is `.`, and has to be an absolute path; `HOME` is not set"
        );
    }
}
