// Rotations of a space of three axes, seen along the third: orthographic, so that lengths across keep their unit.

import { clamp } from "/static/kit.js";

/** The largest tilt: straight from above or below. */
const MAX_PITCH = Math.PI / 2;

/**
 * The direction from which a space is seen.
 * @typedef {{yaw: number, pitch: number}} Rotation  radians about the vertical axis, and about the horizontal one
 */

/** Turn further; the tilt ends when one looks straight from above or below. @returns {Rotation} */
export const turn = ({ yaw, pitch }, byYaw, byPitch) => ({
  yaw: (yaw + byYaw) % (2 * Math.PI),
  pitch: clamp(pitch + byPitch, -MAX_PITCH, MAX_PITCH),
});

/** Rotate a vector: across, up, and towards the eye. @param {Rotation} rotation @param {number[]} vector */
export function rotate({ yaw, pitch }, [x, y, z]) {
  const [across, back] = [x * Math.cos(yaw) + z * Math.sin(yaw), z * Math.cos(yaw) - x * Math.sin(yaw)];
  return [across, y * Math.cos(pitch) - back * Math.sin(pitch), y * Math.sin(pitch) + back * Math.cos(pitch)];
}
