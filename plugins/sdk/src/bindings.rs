//! What `wit-bindgen` makes of the contract in `wit/`.
//!
//! Four worlds are generated. The first has every interface that can be
//! imported, and its types are the only ones: the others are `agent` and
//! `grader`, which map their imports to the first and add one export each, and
//! `configurable`, which is one export beside that of an agent.
//!
//! `pub_export_macro` keeps the exports out of a binary that does not ask for
//! them: the description of an export travels in the `export!` macro, and so
//! only into a plugin that calls it. Descriptions of imports travel with this
//! crate, and a component keeps of them what it calls.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    clippy::cast_possible_truncation,
    clippy::needless_pass_by_value,
    clippy::semicolon_if_nothing_returned,
    clippy::uninlined_format_args,
    clippy::wildcard_imports,
    reason = "generated: the canonical ABI needs raw memory, and the style is the generator's"
)]

pub mod imports {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package lancet:sdk;
            world imports {
                import lancet:plugin/types@0.1.0;
                import lancet:plugin/log@0.1.0;
                import lancet:plugin/random@0.1.0;
                import lancet:plugin/submission@0.1.0;
                import lancet:plugin/answer-key@0.1.0;
                import lancet:plugin/input@0.1.0;
                import lancet:plugin/workspace@0.1.0;
                import lancet:plugin/shell@0.1.0;
                import lancet:plugin/user-tool@0.1.0;
                import lancet:plugin/tests@0.1.0;
                import lancet:plugin/artifacts@0.1.0;
                import lancet:plugin/settings@0.1.0;
                import lancet:plugin/budget@0.1.0;
                import lancet:plugin/model@0.1.0;
            }
        ",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq, Eq, Clone],
        runtime_path: "::lancet_sdk::__private::rt",
    });
}

pub mod agent {
    wit_bindgen::generate!({
        path: "wit",
        world: "agent",
        with: {
            "lancet:plugin/types@0.1.0": crate::bindings::imports::lancet::plugin::types,
            "lancet:plugin/log@0.1.0": crate::bindings::imports::lancet::plugin::log,
            "lancet:plugin/random@0.1.0": crate::bindings::imports::lancet::plugin::random,
            "lancet:plugin/input@0.1.0": crate::bindings::imports::lancet::plugin::input,
            "lancet:plugin/workspace@0.1.0": crate::bindings::imports::lancet::plugin::workspace,
            "lancet:plugin/shell@0.1.0": crate::bindings::imports::lancet::plugin::shell,
            "lancet:plugin/user-tool@0.1.0": crate::bindings::imports::lancet::plugin::user_tool,
            "lancet:plugin/settings@0.1.0": crate::bindings::imports::lancet::plugin::settings,
            "lancet:plugin/budget@0.1.0": crate::bindings::imports::lancet::plugin::budget,
            "lancet:plugin/model@0.1.0": crate::bindings::imports::lancet::plugin::model,
        },
        runtime_path: "::lancet_sdk::__private::rt",
        pub_export_macro: true,
        export_macro_name: "export_agent_bindings",
        default_bindings_module: "::lancet_sdk::__private::agent",
    });
}

pub mod configurable {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package lancet:sdk-configurable;
            world configurable {
                export lancet:plugin/configuring@0.1.0;
            }
        ",
        additional_derives: [PartialEq, Eq, Clone],
        runtime_path: "::lancet_sdk::__private::rt",
        pub_export_macro: true,
        export_macro_name: "export_configurable_bindings",
        default_bindings_module: "::lancet_sdk::__private::configurable",
    });
}

pub mod grader {
    wit_bindgen::generate!({
        path: "wit",
        world: "grader",
        with: {
            "lancet:plugin/types@0.1.0": crate::bindings::imports::lancet::plugin::types,
            "lancet:plugin/log@0.1.0": crate::bindings::imports::lancet::plugin::log,
            "lancet:plugin/submission@0.1.0": crate::bindings::imports::lancet::plugin::submission,
            "lancet:plugin/answer-key@0.1.0": crate::bindings::imports::lancet::plugin::answer_key,
            "lancet:plugin/tests@0.1.0": crate::bindings::imports::lancet::plugin::tests,
            "lancet:plugin/artifacts@0.1.0": crate::bindings::imports::lancet::plugin::artifacts,
        },
        runtime_path: "::lancet_sdk::__private::rt",
        pub_export_macro: true,
        export_macro_name: "export_grader_bindings",
        default_bindings_module: "::lancet_sdk::__private::grader",
    });
}
