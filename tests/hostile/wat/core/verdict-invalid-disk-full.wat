;; roles: grader
;; Calls the attempt invalid because the disk is full, as only the host can know.
(data (i32.const 1024) "disk-full")
(func $misbehave
  (call $verdict (i32.const 2) (i32.const 1024) (i32.const 9) (i32.const 0))
  (call $forge (i32.const 32)))
