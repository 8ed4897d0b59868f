//! Components that are small and take much of whoever looks at them: made to be read, not run.
//!
//! Each is an ordinary grader with something behind it that is large to check, to list, to name
//! or to compile, or a component of nothing but that.

use crate::broken::leb128;

/// The names of all of them.
pub const BOMBS: [&str; 16] = [
    "siblings",
    "siblings-of-records",
    "imports-by-the-million",
    "nested-imports",
    "import-names",
    "export-names",
    "function-names",
    "functions-by-the-thousand",
    "branch-table",
    "locals",
    "memory-images",
    "instantiations",
    "types-exponential",
    "aliases",
    "nested-deeply",
    "padding",
];

/// The component of that name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn bomb(name: &str) -> Vec<u8> {
    let grader = crate::ordinary(lancet_core::Role::Grader);
    let behind = |what: Vec<u8>| [&grader[..], &what].concat();
    match name {
        "siblings" => behind(sibling(1_000, 300).repeat(30)),
        "siblings-of-records" => behind(siblings_of_records()),
        "imports-by-the-million" => many_imports(5_000_000),
        "nested-imports" => behind(section(4, &many_imports(900_000))),
        "import-names" => named(10, 250, 90_000),
        "export-names" => named(11, 250, 90_000),
        "function-names" => function_names(),
        "functions-by-the-thousand" => behind(section(1, &many_functions(30_000))),
        "branch-table" => behind(section(1, &branch_table())),
        "locals" => behind(section(1, &locals())),
        "memory-images" => behind(section(1, &memory_image()).repeat(12)),
        "instantiations" => behind(instantiations()),
        "types-exponential" | "nested-deeply" => {
            crate::broken::component(name, &grader).expect("it is there")
        }
        "aliases" => behind(aliases()),
        "padding" => crate::broken::padded(&grader, 40 << 20),
        _ => panic!("there is no bomb `{name}`"),
    }
}

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb128(content.len()), content].concat()
}

fn count(items: usize, each: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = leb128(items);
    (0..items).for_each(|item| bytes.extend(each(item)));
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [leb128(text.len()), text.as_bytes().to_vec()].concat()
}

/// The name of an import or an export.
fn name(name: &str) -> Vec<u8> {
    [vec![0], text(name)].concat()
}

/// A type of instances with a resource and functions, as the first type of a section.
fn instance_type(functions: usize) -> Vec<u8> {
    let declarations = count(functions + 2, |at| match at {
        // A resource.
        0 => [vec![4], name("r"), vec![3, 1]].concat(),
        // A type of functions: no parameter, no result.
        1 => vec![1, 0x40, 0, 1, 0],
        at => [vec![4], name(&format!("f{at}")), vec![1, 1]].concat(),
    });
    [vec![0x42], declarations].concat()
}

/// A component in a section that imports instances with many functions each.
fn sibling(functions: usize, imports: usize) -> Vec<u8> {
    let types = [vec![1], instance_type(functions)].concat();
    let imports = count(imports, |at| [name(&format!("i{at}")), vec![5, 0]].concat());
    section(4, &[COMPONENT, &section(7, &types), &section(10, &imports)].concat())
}

/// Components that import instances with a type of many fields, which is defined anew in each.
fn siblings_of_records() -> Vec<u8> {
    let field = |at: usize| [text(&format!("f{at}")), vec![0x73]].concat();
    let record = [vec![0x72], count(5_000, field)].concat();
    let one = {
        let declarations =
            [vec![3, 1], record, vec![4], name("t"), vec![3, 0, 0], vec![4], name("r"), vec![3, 1]];
        let types = [vec![1, 0x42], declarations.concat()].concat();
        let imports = count(900, |at| [name(&format!("i{at}")), vec![5, 0]].concat());
        section(4, &[COMPONENT, &section(7, &types), &section(10, &imports)].concat())
    };
    one.repeat(40)
}

fn many_imports(number: usize) -> Vec<u8> {
    // The same name over and over: it may be read before it is found to be.
    let mut imports = leb128(number);
    imports.extend(b"\0\x01a\x03\x01".repeat(number));
    [COMPONENT, &section(10, &imports)].concat()
}

/// Imports or exports with names as long as they may be.
fn named(kind: u8, number: usize, length: usize) -> Vec<u8> {
    let types = [vec![1], vec![0x42, 0]].concat();
    let long = |at: usize| name(&format!("n{at}x{}", "y".repeat(length)));
    let mut bytes = [COMPONENT, &section(7, &types)].concat();
    if kind == 10 {
        bytes.extend(section(10, &count(number, |at| [long(at), vec![5, 0]].concat())));
    } else {
        bytes.extend(section(10, &[vec![1], name("i"), vec![5, 0]].concat()));
        bytes.extend(section(11, &count(number, |at| [long(at), vec![5, 0, 0]].concat())));
    }
    bytes
}

/// An interface of the contract with more functions than anybody has.
fn function_names() -> Vec<u8> {
    let types = [vec![1], instance_type(90_000)].concat();
    let imports = [vec![1], name("lancet:plugin/log@0.1.0"), vec![5, 0]].concat();
    let exports = [vec![1], name("lancet:plugin/grading@0.1.0"), vec![5, 0, 0]].concat();
    [COMPONENT, &section(7, &types), &section(10, &imports), &section(11, &exports)].concat()
}

fn many_functions(number: usize) -> Vec<u8> {
    let types = section(1, &[1, 0x60, 0, 0]);
    let functions = section(3, &[leb128(number), vec![0; number]].concat());
    let code = section(10, &[leb128(number), [2, 0, 0x0b].repeat(number)].concat());
    [MODULE, &types, &functions, &code].concat()
}

/// A module of one function of type `() -> ()` with that body.
fn function(body: &[u8]) -> Vec<u8> {
    let code = section(10, &[vec![1], leb128(body.len()), body.to_vec()].concat());
    [MODULE, &section(1, &[1, 0x60, 0, 0]), &section(3, &[1, 0]), &code].concat()
}

/// A jump with a million targets.
fn branch_table() -> Vec<u8> {
    let targets = 1_000_000;
    // No locals; i32.const 0; br_table; unreachable code has its end.
    function(&[&[0, 0x41, 0, 0x0e][..], &leb128(targets), &vec![0; targets + 1], &[0x0b]].concat())
}

/// Functions with as many locals as they may have.
fn locals() -> Vec<u8> {
    let number = 100;
    let body = [&[1][..], &leb128(50_000), &[0x7f, 0x0b]].concat();
    let one = [leb128(body.len()), body].concat();
    let code = section(10, &[leb128(number), one.repeat(number)].concat());
    let functions = section(3, &[leb128(number), vec![0; number]].concat());
    [MODULE, &section(1, &[1, 0x60, 0, 0]), &functions, &code].concat()
}

/// A memory with a byte at its beginning and one 15 MiB later: laid out, all between them is
/// part of the code.
fn memory_image() -> Vec<u8> {
    let memory = section(5, &[1, 0, 0x80, 0x02]);
    let at = |offset: usize| {
        let mut offset = offset;
        let mut number = Vec::new();
        // Signed, so that the highest bit of the last byte but one is not set.
        while offset >= 0x40 {
            number.push(u8::try_from(offset & 0x7f).expect("seven bits") | 0x80);
            offset >>= 7;
        }
        number.push(u8::try_from(offset).expect("six bits"));
        [&[0, 0x41][..], &number, &[0x0b, 1, 1]].concat()
    };
    let data = section(11, &[vec![2], at(0), at(15 << 20)].concat());
    [MODULE, &memory, &data].concat()
}

/// One module of many exports, made into instances again and again.
fn instantiations() -> Vec<u8> {
    let module = {
        let exports = count(1_000, |at| [text(&format!("e{at}")), vec![0, 0]].concat());
        let code = section(10, &[1, 2, 0, 0x0b]);
        [MODULE, &section(1, &[1, 0x60, 0, 0]), &section(3, &[1, 0]), &section(7, &exports), &code].concat()
    };
    let inner = {
        let instances = [leb128(900), [0, 0, 0].repeat(900)].concat();
        [COMPONENT, &section(1, &module), &section(2, &instances)].concat()
    };
    section(4, &inner).repeat(20)
}

/// Types of components that repeat the type before them, level by level.
fn aliases() -> Vec<u8> {
    let level = |before: Option<usize>| {
        let exports = |kind: &[u8]| {
            let declaration = |at: usize| [vec![4], name(&format!("e{at}")), kind.to_vec()].concat();
            (0..100).flat_map(declaration).collect::<Vec<u8>>()
        };
        match before {
            None => [vec![0x42], leb128(101), vec![1, 0x40, 0, 1, 0], exports(&[1, 0])].concat(),
            // The type before, from the component around.
            Some(at) => {
                let alias = [vec![2, 3, 2, 1], leb128(at)].concat();
                [vec![0x42], leb128(101), alias, exports(&[5, 0])].concat()
            }
        }
    };
    let types = count(40, |at| level(at.checked_sub(1)));
    let inner = [COMPONENT, &section(7, &types)].concat();
    section(4, &inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_within_what_is_looked_at() {
        for name in BOMBS {
            let bytes = bomb(name);
            assert!(bytes.starts_with(b"\0asm") && bytes.len() < 60 << 20, "{name}: {} bytes", bytes.len());
        }
    }
}
