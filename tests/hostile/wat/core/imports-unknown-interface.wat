;; Wants an interface that the contract does not have.
(import "lancet:plugin/teleport@0.1.0" "go" (func $go (result i32)))
(func $misbehave (drop (call $go)))
