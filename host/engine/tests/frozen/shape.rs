//! What a text of the contract comes to, without its words: a line for each thing in it, and
//! what a later text may not do to them.

use std::collections::BTreeMap;

use wit_parser::{
    FunctionKind, Handle, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldItem,
    WorldKey,
};

/// Everything in a contract, by what it is called.
pub(super) type Shape = BTreeMap<String, String>;

/// The lines of one contract.
pub(super) fn of(resolve: &Resolve, package: PackageId) -> Shape {
    let mut shape = Shape::new();
    let lines = Lines { resolve };
    let package = &resolve.packages[package];
    let version =
        package.name.version.as_ref().map(|version| format!("{}.{}.x", version.major, version.minor));
    shape.insert(
        format!("the version of `{}:{}`", package.name.namespace, package.name.name),
        version.unwrap(),
    );
    for (name, id) in &package.interfaces {
        let interface = &resolve.interfaces[*id];
        shape.insert(format!("the interface `{name}`"), String::new());
        for (of, id) in &interface.types {
            shape.insert(format!("the type `{of}` of `{name}`"), lines.definition(*id));
        }
        for (of, function) in &interface.functions {
            shape.insert(format!("the function `{of}` of `{name}`"), lines.function(function));
        }
    }
    for (name, id) in &package.worlds {
        let world = &resolve.worlds[*id];
        shape.insert(format!("the world `{name}`"), String::new());
        for (what, items) in [("import", &world.imports), ("export", &world.exports)] {
            for (key, item) in items {
                shape
                    .insert(format!("the {what} {} of the world `{name}`", lines.key(key)), lines.item(item));
            }
        }
    }
    shape
}

/// Everything that a later contract does to an earlier one and may not: `0.1.x` only adds
/// interfaces and functions, with the types of their own that these need.
pub(super) fn broken(earlier: &Shape, later: &Shape) -> Vec<String> {
    let mut found = Vec::new();
    for (name, was) in earlier {
        match later.get(name) {
            Some(is) if is == was => {}
            Some(is) => found.push(format!("{name} was `{was}`, and is `{is}`")),
            None => found.push(format!("{name} is gone")),
        }
    }
    for name in later.keys().filter(|name| !earlier.contains_key(*name)) {
        let world = name.split_once(" of the world ").map(|(_, world)| format!("the world {world}"));
        if name.starts_with("the export") && world.is_some_and(|world| earlier.contains_key(&world)) {
            found.push(format!("{name} is new: components built before do not have it"));
        }
    }
    found
}

struct Lines<'a> {
    resolve: &'a Resolve,
}

impl Lines<'_> {
    fn function(&self, function: &wit_parser::Function) -> String {
        let is_async = match function.kind {
            FunctionKind::Freestanding
            | FunctionKind::Method(_)
            | FunctionKind::Static(_)
            | FunctionKind::Constructor(_) => "",
            FunctionKind::AsyncFreestanding | FunctionKind::AsyncMethod(_) | FunctionKind::AsyncStatic(_) => {
                "async "
            }
        };
        let given: Vec<_> =
            function.params.iter().map(|param| format!("{}: {}", param.name, self.name(param.ty))).collect();
        let result = function.result.map(|result| format!(" -> {}", self.name(result))).unwrap_or_default();
        format!("{is_async}func({}){result}", given.join(", "))
    }

    /// A type by its name, and by its interface's: what is used from another is that other's.
    fn name(&self, ty: Type) -> String {
        let Type::Id(id) = ty else { return format!("{ty:?}").to_lowercase() };
        let def = &self.resolve.types[id];
        match (&def.name, def.owner, &def.kind) {
            (_, _, TypeDefKind::Type(original)) => self.name(*original),
            (Some(name), TypeOwner::Interface(owner), _) => format!("{}.{name}", self.interface(owner)),
            (Some(name), ..) => name.clone(),
            (None, ..) => self.definition(id),
        }
    }

    fn definition(&self, id: TypeId) -> String {
        let or_none = |ty: Option<Type>| ty.map_or("_".to_owned(), |ty| self.name(ty));
        match &self.resolve.types[id].kind {
            TypeDefKind::Record(record) => {
                let fields =
                    record.fields.iter().map(|field| format!("{}: {}", field.name, self.name(field.ty)));
                format!("record {{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
            TypeDefKind::Variant(variant) => {
                let case = |case: &wit_parser::Case| format!("{}({})", case.name, or_none(case.ty));
                format!("variant {{ {} }}", variant.cases.iter().map(case).collect::<Vec<_>>().join(", "))
            }
            TypeDefKind::Enum(choices) => {
                let names: Vec<_> = choices.cases.iter().map(|case| case.name.as_str()).collect();
                format!("enum {{ {} }}", names.join(", "))
            }
            TypeDefKind::Flags(flags) => {
                let names: Vec<_> = flags.flags.iter().map(|flag| flag.name.as_str()).collect();
                format!("flags {{ {} }}", names.join(", "))
            }
            TypeDefKind::Tuple(tuple) => {
                let types: Vec<_> = tuple.types.iter().map(|ty| self.name(*ty)).collect();
                format!("tuple<{}>", types.join(", "))
            }
            TypeDefKind::Resource => "resource".to_owned(),
            TypeDefKind::Handle(Handle::Own(id)) => format!("own<{}>", self.name(Type::Id(*id))),
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", self.name(Type::Id(*id))),
            TypeDefKind::Option(ty) => format!("option<{}>", self.name(*ty)),
            TypeDefKind::List(ty) => format!("list<{}>", self.name(*ty)),
            TypeDefKind::Result(result) => format!("result<{}, {}>", or_none(result.ok), or_none(result.err)),
            TypeDefKind::Type(ty) => self.name(*ty),
            other => panic!("the contract has types of a kind that is not compared yet: {}", other.as_str()),
        }
    }

    fn interface(&self, id: InterfaceId) -> String {
        self.resolve.interfaces[id].name.clone().unwrap_or_default()
    }

    fn key(&self, key: &WorldKey) -> String {
        match key {
            WorldKey::Name(name) => format!("`{name}`"),
            WorldKey::Interface(id) => format!("`{}`", self.interface(*id)),
        }
    }

    fn item(&self, item: &WorldItem) -> String {
        match item {
            WorldItem::Interface { id, .. } => self.interface(*id),
            WorldItem::Function(function) => self.function(function),
            WorldItem::Type { id, .. } => self.name(Type::Id(*id)),
        }
    }
}
