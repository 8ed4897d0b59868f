;; Wants something that is not of the contract at all.
(import "evil:host/backdoor@1.0.0" "open" (func $open (result i32)))
(func $misbehave (drop (call $open)))
