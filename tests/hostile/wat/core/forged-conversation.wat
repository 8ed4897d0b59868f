;; roles: agent
;; Asks a conversation that it was never given.
(import "lancet:plugin/model@0.1.0" "[method]conversation.tokens" (func $tokens (param i32) (result i64)))
(func $misbehave
  (drop (call $tokens (i32.const 7))))
