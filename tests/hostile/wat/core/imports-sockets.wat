;; Wants the network.
(import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))
(func $misbehave (drop (call $network)))
