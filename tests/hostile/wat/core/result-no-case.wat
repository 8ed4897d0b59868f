;; Returns neither an answer nor an error.
(data (i32.const 1024) "\09")
(func $misbehave (call $forge (i32.const 1024)))
